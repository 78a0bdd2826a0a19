// What was done, with its evidence, page by page.

import { ask } from "./asking.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { kindText } from "./remediation_words.js";
import { both, moment } from "./times.js";

const PAGE = 30;

export class Log {
  constructor(parent) {
    const list = h("ol", { class: "timeline" });
    this.none = h("p", { class: "aside" }, "Asking.");
    this.more = h("button", { type: "button", class: "button", hidden: "" }, "Earlier");
    this.more.addEventListener("click", () => this.ask(this.next));
    this.said = h("p", { class: "aside", role: "status" });
    parent.append(this.none, list, h("p", { class: "more" }, this.more), this.said);
    this.keyed = new Keyed(list, entry);
    this.found = new Map();
    this.next = null;
    this.isKnown = false;
    this.running = false;
  }

  /** Something was done: the newest are asked for again. */
  refresh() {
    this.ask(null);
  }

  async ask(after) {
    if (this.running) return;
    this.running = true;
    try {
      const { events, next, now } = await ask("/api/v1/remediation/log", { limit: PAGE, after });
      const isGap = this.isKnown && after === null && !events.some(({ number }) => this.found.has(number));
      if (isGap) this.found.clear(); // more was done than a page tells: what is older is asked for again
      for (const event of events) this.found.set(event.number, event);
      if (after !== null || !this.isKnown || isGap) this.next = next;
      this.isKnown = true;
      setText(this.said, "");
      this.show(now);
    } catch (error) {
      setText(this.said, `No answer: ${error.message}`);
    } finally {
      this.running = false;
    }
  }

  show(now) {
    if (!this.isKnown) return;
    const events = [...this.found.values()].sort((a, b) => b.number - a.number);
    setText(this.none, "Nothing yet.");
    this.none.hidden = events.length > 0;
    this.more.hidden = this.next === null;
    this.keyed.show(events.map((event) => ({ event, now })), ({ event }) => event.number);
  }
}

function entry() {
  const time = h("time");
  const subject = h("b");
  const kind = h("span");
  const dry = h("span", { class: "tag", hidden: "" }, "dry run, nothing was done");
  const rail = h("span", { class: "tag", hidden: "" });
  const by = h("span", { class: "aside" });
  const text = h("p", { class: "words" });
  const evidence = h("ul");
  const root = h("li", { class: "entry" }, time, h("div", { class: "what" }, subject, kind, rail, dry, by), h("div", { class: "body" }, text, evidence));
  const update = ({ event, now }) => {
    setText(time, moment(event.at, now));
    setAttribute(time, "datetime", new Date(event.at * 1000).toISOString());
    setAttribute(time, "title", both(event.at));
    setText(subject, [event.service, event.node].filter(Boolean).join(" ") || "All of it");
    setText(kind, kindText(event.kind));
    setText(rail, `rail ${event.rail}`);
    rail.hidden = event.rail === "";
    dry.hidden = !event.dry_run;
    setText(by, event.by === "" ? "" : `by ${event.by}`);
    setText(text, event.text);
    text.hidden = event.text === "";
    if (evidence.childElementCount !== event.evidence.length) evidence.replaceChildren(...event.evidence.map((line) => h("li", {}, line)));
    evidence.hidden = event.evidence.length === 0;
  };
  return { root, update };
}
