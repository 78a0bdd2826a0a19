// Where somebody looks: kept in the address, so that a link reopens it and the back button works.

import { iso, parseTime } from "./times.js";

/** From the widest to the narrowest; each goes away with the one before it. */
export const LEVELS = ["region", "zone", "host"];
const LABELS = ["service", "location", "region", "protocol", "zone", "host"];
const PLAIN = ["range", "lines"];
const MAX_VALUE = 255;
const MAX_SCOPE = 2048;

/** A page that is told to people names the second in which the trouble began; so long after it is seen. */
const SEEN_AFTER_S = 10;

/** `labels` holds those of LABELS that are chosen; `at` is a past moment in epoch seconds, null: live. */
function read(search) {
  const query = new URLSearchParams(search);
  // In a query a plus sign says a space: an offset that somebody wrote as it is comes with one.
  const place = { labels: {}, at: parseTime((query.get("at") ?? "").replace(" ", "+")) };
  for (const label of LABELS) {
    const value = query.get(label);
    if (value && value.length <= MAX_VALUE) place.labels[label] = value;
  }
  for (const name of PLAIN) place[name] = query.get(name);
  return place;
}

/** The same of a link in a page: `at` is when a loss began, `scope` where: `protocol:udp,region:eu`. */
function readTold(search, now) {
  const place = read(search);
  const scope = new URLSearchParams(search).get("scope");
  if (scope === null) return place;
  if (scope.length <= MAX_SCOPE) {
    for (const pair of scope.split(",")) {
      const colon = pair.indexOf(":");
      const label = pair.slice(0, colon) === "node" ? "host" : pair.slice(0, colon);
      const value = pair.slice(colon + 1);
      if (LABELS.includes(label) && value && value.length <= MAX_VALUE) place.labels[label] ??= value;
    }
  }
  if (place.at !== null) place.at = place.at + SEEN_AFTER_S < now ? place.at + SEEN_AFTER_S : null;
  return place;
}

function write({ labels, at, ...plain }) {
  const query = new URLSearchParams();
  for (const label of LABELS) if (labels[label]) query.set(label, labels[label]);
  for (const name of PLAIN) if (plain[name]) query.set(name, plain[name]);
  if (at !== null) query.set("at", iso(at));
  // Colons read better, and may stand in a query as they are.
  const text = query.toString().replaceAll("%3A", ":");
  return text ? `?${text}` : "";
}

export class Place {
  /** `onChange()` is called whenever it is another one; `now` is the aggregator's own time. */
  constructor(onChange, now) {
    this.onChange = onChange;
    Object.assign(this, readTold(location.search, now));
    if (write(this) !== location.search) history.replaceState(null, "", `${location.pathname}${write(this)}`);
    window.addEventListener("popstate", () => {
      Object.assign(this, read(location.search));
      this.onChange();
    });
  }

  /** Goes there: labels given as undefined are dropped. */
  go({ labels = {}, ...plain }) {
    const to = { at: this.at, range: this.range, lines: this.lines, ...plain, labels: { ...this.labels, ...labels } };
    const search = write(to);
    if (search === write(this)) return;
    history.pushState(null, "", `${location.pathname}${search}`);
    Object.assign(this, read(search));
    this.onChange();
  }

  /** What the next level down from here is called. */
  get below() {
    if (this.labels.host) return "node";
    if (this.labels.zone) return "host";
    return this.labels.region ? "zone" : "region";
  }

  /** One level up; false at the top. */
  up() {
    const last = LEVELS.findLast((level) => this.labels[level]);
    if (last !== undefined) this.upTo(LEVELS[LEVELS.indexOf(last) - 1]);
    else if (this.labels.protocol) this.go({ labels: { protocol: undefined } });
    else return false;
    return true;
  }

  /** Up to where this label is the narrowest; undefined: the top. */
  upTo(level) {
    const dropped = LEVELS.slice(LEVELS.indexOf(level) + 1);
    const labels = Object.fromEntries(dropped.map((each) => [each, undefined]));
    if (level === undefined) labels.protocol = undefined;
    this.go({ labels });
  }

  /** A link that reopens what is seen at `at`; `labels` are on show without being in the address. */
  link(at, labels) {
    return `${location.origin}/${write({ ...this, at, labels: { ...labels, ...this.labels } })}`;
  }
}
