// What the page of remediation says of nodes, and the shapes beside its words.

import { h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { count } from "./numbers.js";
import { duration } from "./times.js";

export const MODES = { acting: "acting", dry_run: "dry run", standby: "standing by", stopped: "stopped" };

const VERDICTS = { healthy: "ok", suspect: "partial", failed: "down", recovering: "partial", unknown: "unknown" };
const OPINIONS = { good: "ok", doubtful: "partial", bad: "down", none: "unknown" };

export const KINDS = {
  withdrawn: "withdrawn",
  restored: "returned",
  held: "held",
  frozen: "frozen",
  thawed: "no longer frozen",
  verified: "helped",
  reverted: "undone, it did not help",
  pinned: "pinned",
  released: "released",
  stopped: "stopped",
  resumed: "resumed",
};

const of = (table, name, otherwise) => (Object.hasOwn(table, name) ? table[name] : otherwise);

export const modeText = (mode) => of(MODES, mode, mode);
export const kindText = (kind) => of(KINDS, kind, kind);

/** A word with its shape, that can become another. */
export class Mark {
  constructor() {
    this.icon = icon("unknown");
    this.word = h("span");
    this.root = h("span", { class: "mark" }, this.icon, this.word);
  }

  show(kind, text) {
    setAttribute(this.root, "data-kind", kind);
    setIcon(this.icon, kind);
    setText(this.word, text);
  }
}

export const kindOfVerdict = (verdict) => of(VERDICTS, verdict, "unknown");

/** One vantage, as a line: `web-3: bad, 12 of 18 in 3 s, failing udp`. */
export function sightLine({ host, own, opinion, judged, bad, window_s: window, failing }) {
  const who = own ? `${host} (its own agent)` : host;
  const seen = judged === 0 ? "" : `, ${count(bad)} of ${count(judged)} bad in ${duration(window)}`;
  const where = failing.length === 0 ? "" : `, failing ${failing.join(", ")}`;
  const kind = of(OPINIONS, opinion, "unknown");
  const word = opinion === "none" ? "no opinion" : opinion;
  return { kind, text: `${who}: ${word}${seen}${where}` };
}

/** What is said where all see the same, and it is good. */
export function agreed({ sights, sights_total: total }) {
  if (total === 0 || sights.some(({ opinion }) => opinion !== "good")) return "";
  const [judged, bad] = sights.reduce(([all, some], each) => [all + each.judged, some + each.bad], [0, 0]);
  return `${total === 1 ? "one vantage, good" : `${count(total)} vantages, all good`}: ${count(bad)} of ${count(judged)} bad in ${duration(Math.max(...sights.map(({ window_s: s }) => s)))}`;
}

/** The rules in a line. */
export function rulesText({ rules, nodes_total: nodes }) {
  const most = rules.most_out === null ? `${rules.max_fraction * 100} %` : count(rules.most_out);
  const parts = [`at most ${most}${nodes > 0 ? ` of ${count(nodes)}` : ""} out`, `${count(rules.floor)} stay at least`, `${count(rules.per_minute)} a minute`, `${count(rules.quorum)} vantages must agree`, `back after ${duration(rules.recovery_s)} of good, out for ${duration(rules.hold_s)} or longer`, `without us everybody is back in ${duration(rules.lease_s)}`];
  return parts.join("; ");
}
