// A table of nodes: what is held of each and by whose eyes, what is wanted, what is in force, and buttons.

import { Keyed, h, icon, setAttribute, setText } from "./dom.js";
import { Mark, agreed, kindOfVerdict, sightLine } from "./remediation_words.js";
import { count } from "./numbers.js";
import { both, duration, moment } from "./times.js";

const HEADS = ["Node", "Verdict", "Evidence", "Wanted", "In force"];

export class Nodes {
  /** `onAct(act, node)` is called with pin-in, pin-out or release. */
  constructor(label, onAct) {
    const body = h("tbody");
    this.deeds = h("th", { scope: "col" }, h("span", { class: "said" }, "Overrule"));
    this.root = h("table", { class: "nodes", "aria-label": label }, h("thead", {}, h("tr", {}, ...HEADS.map((text) => h("th", { scope: "col" }, text)), this.deeds)), body);
    this.keyed = new Keyed(body, () => row(onAct));
  }

  /** `items` have the node, and what else is known of it. */
  show(items, now, canOperate) {
    this.root.hidden = items.length === 0;
    this.deeds.hidden = !canOperate;
    this.keyed.show(items.map((item) => ({ ...item, now, canOperate })), ({ node }) => node.node);
  }
}

function row(onAct) {
  const name = h("span");
  const place = h("span", { class: "aside" });
  const verdict = new Mark();
  const since = h("span", { class: "aside" });
  const text = h("span");
  const sights = h("ul", { class: "sights" });
  const eyes = new Keyed(sights, sight);
  const wanted = new Mark();
  const why = h("span", { class: "aside" });
  const pinned = h("span", { class: "aside" });
  const until = h("span", { class: "aside" });
  const places = h("ul", { class: "sights" });
  const inForce = new Keyed(places, sight);
  const buttons = Object.fromEntries([["pin-out", "Pin out"], ["pin-in", "Pin in"], ["release", "Release"]].map(([act, label]) => [act, h("button", { type: "button", class: "button" }, label)]));
  let current = "";
  for (const [act, button] of Object.entries(buttons)) button.addEventListener("click", () => onAct(act, current));
  const deeds = h("td", { class: "deeds" }, h("div", { class: "buttons" }, ...Object.values(buttons)));
  const root = h("tr", {}, h("th", { scope: "row" }, name, place), h("td", { class: "verdict" }, verdict.root, since), h("td", { class: "evidence" }, text, sights), h("td", { class: "wanted" }, wanted.root, why, pinned, until), h("td", { class: "said-there" }, places), deeds);
  const update = ({ node, out, held, pin, checked, told, now, canOperate, isDry }) => {
    current = node.node;
    setAttribute(root, "data-node", node.node);
    setText(name, node.node);
    setText(place, node.zone);
    verdict.show(kindOfVerdict(node.verdict), node.verdict);
    setText(since, `for ${duration(now - node.since)}`);
    setAttribute(since, "title", both(node.since));
    const same = node.verdict === "healthy" ? agreed(node) : "";
    setText(text, same);
    text.hidden = same === "";
    eyes.show(same === "" ? [...node.sights.map(sightLine), ...more(node)] : [], ({ text: line }) => line);
    const [kind, word, reason] = wantedOf(out, held, isDry);
    wanted.show(kind, word);
    setText(why, reason);
    setText(pinned, pin === undefined ? "" : `pinned ${pin.state} by ${pin.by}: ${pin.why}`);
    setText(until, untilOf(out, checked, now));
    inForce.show(told, ({ text: line }) => line);
    deeds.hidden = !canOperate;
    buttons["pin-out"].hidden = pin?.state === "out";
    buttons["pin-in"].hidden = pin?.state === "in";
    buttons.release.hidden = pin === undefined;
    for (const [act, button] of Object.entries(buttons)) setAttribute(button, "aria-label", `${button.textContent}${act === "release" ? "" : ":"} ${node.node}`);
  };
  return { root, update };
}

function wantedOf(out, held, isDry) {
  if (out !== undefined) {
    const phase = out.phase === "drain" ? "no new work" : "down";
    return ["down", isDry ? "would be out" : `out: ${phase}`, out.by === "" ? out.why : ""];
  }
  if (held !== undefined) return ["partial", `in, held by ${held.rail}`, held.text];
  return ["ok", "in", ""];
}

function untilOf(out, checked, now) {
  if (out === undefined) return "";
  const hold = out.hold_until > now ? `, not back before ${moment(out.hold_until, now)}` : "";
  const times = out.repeats === 0 ? "" : `, out ${count(out.repeats + 1)} times of late`;
  const proof = checked === undefined ? "" : `; must help by ${moment(checked.until, now)}`;
  return `since ${moment(out.since, now)} (${duration(now - out.since)})${hold}${times}${proof}`;
}

const more = ({ sights, sights_total: total }) => (total > sights.length ? [{ kind: "unknown", text: `and ${count(total - sights.length)} more` }] : []);

function sight({ kind, text }) {
  const mark = icon(kind);
  const line = h("span", {}, text);
  const root = h("li", { "data-kind": kind }, mark, line);
  return { root, update: () => {} };
}
