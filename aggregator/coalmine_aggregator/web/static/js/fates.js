// The closed ledger: every expected datapoint has one fate, and they add up.

import { Asking } from "./asking.js";
import { Keyed, h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { count, percent, words } from "./numbers.js";
import { duration } from "./times.js";

const MEANING = {
  delivered: "arrived in time",
  failed: "a step went wrong",
  abandoned: "not done in a second",
  lost: "sent, never arrived",
  late: "arrived too late",
  not_attempted: "skipped, and said so",
  unknown: "cannot be told",
};

const BAD = ["failed", "abandoned", "lost", "late"];

const REFRESH_MS = 3000;

export class Fates {
  constructor(parent, span, place) {
    this.span = span;
    this.place = place;
    this.asking = new Asking({ onAnswer: (answer) => this.answered(answer), onProblem: (problem) => this.clear(`No answer: ${problem.message}`) });
    this.mark = icon("unknown");
    this.sum = h("span");
    this.rows = new Map();
    const body = h("tbody");
    for (const [fate, meaning] of Object.entries(MEANING)) {
      const number = h("td", { class: "number" });
      const share = h("td", { class: "number share" });
      const note = h("td", { class: "meaning" }, meaning);
      const row = h("tr", {}, h("th", { scope: "row" }, words(fate)), note, number, share);
      this.rows.set(fate, { row, number, share, note });
      body.append(row);
    }
    this.expected = h("td", { class: "number" });
    const foot = h(
      "tfoot",
      {},
      h("tr", {}, h("th", { scope: "row" }, "expected"), h("td", { class: "meaning" }, "the sum of all"), this.expected, h("td")),
    );
    parent.append(
      h("table", { class: "fates" }, body, foot),
      h("p", { class: "identity" }, this.mark, this.sum),
    );
  }

  /** The whole service is in the snapshot; what is narrower is asked for. */
  show(snapshot, labels, end) {
    const { service, ...narrower } = labels;
    const span = snapshot.fates_span_s;
    this.within = Object.values(narrower).join(", ");
    if (this.within === "" || span === 0) {
      this.asking.want("", null);
      this.fill(snapshot.fates.find((group) => group.labels.service === service), `last ${duration(span)}`);
      return;
    }
    const live = this.place.at === null;
    const range = live ? { last: `${span}s` } : { from: end - span + 1, to: end + 1 };
    this.asking.want("/api/v1/fates", { by: "service", ...labels, ...range }, live ? REFRESH_MS : Infinity);
  }

  answered({ groups, first, last }) {
    this.fill(groups[0], `${this.within}, last ${duration(last - first + 1)}`, "Nothing is known of it.");
  }

  /** No numbers: those of elsewhere or of before do not stay. */
  clear(why) {
    setText(this.span, this.within);
    for (const { row, number, share } of this.rows.values()) {
      setText(number, "");
      setText(share, "");
      setAttribute(row, "data-kind", "none");
    }
    setText(this.rows.get("unknown").note, MEANING.unknown);
    setText(this.expected, "");
    setText(this.sum, why);
    setIcon(this.mark, "unknown");
    setAttribute(this.mark.parentElement, "data-balanced", null);
  }

  fill(group, span, none = "Nothing is settled yet.") {
    if (group === undefined) {
      this.clear(none);
      return;
    }
    setText(this.span, span);
    const { sums } = group;
    for (const [fate, { row, number, share, note }] of this.rows) {
      const value = sums.fates[fate];
      setText(number, count(value));
      setText(share, value > 0 && sums.expected > 0 ? percent(value / sums.expected) : "");
      setAttribute(row, "data-kind", kindOf(fate, value));
      if (fate === "unknown") {
        const reasons = Object.entries(group.unknown_by_reason).map(([why, n]) => `${count(n)} ${words(why)}`);
        setText(note, reasons.join(", ") || MEANING.unknown);
      }
    }
    setText(this.expected, count(sums.expected));
    setIcon(this.mark, group.balanced ? "ok" : "down");
    setAttribute(this.mark.parentElement, "data-balanced", group.balanced);
    setText(
      this.sum,
      group.balanced
        ? "The fates add up to what was expected, in every second."
        : "The fates do not add up to what was expected: a fault of Coalmine's own.",
    );
  }
}

function kindOf(fate, value) {
  if (value === 0) return "none";
  if (fate === "delivered") return "good";
  return BAD.includes(fate) ? "bad" : "neither";
}

export class Oddities {
  constructor(parent) {
    this.none = h("p", { class: "aside" }, "None.");
    this.list = h("dl", { class: "odd" });
    parent.append(this.none, this.list);
    this.keyed = new Keyed(this.list, () => {
      const name = h("dt");
      const number = h("dd");
      return {
        root: h("div", {}, name, number),
        update: ([kind, value]) => {
          setText(name, words(kind));
          setText(number, count(value));
        },
      };
    });
  }

  show(oddities) {
    const entries = Object.entries(oddities).filter(([, value]) => value > 0);
    this.none.hidden = entries.length > 0;
    this.keyed.show(entries, ([kind]) => kind);
  }
}
