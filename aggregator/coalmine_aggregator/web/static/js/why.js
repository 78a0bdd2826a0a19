// "Why?": asks for an alert's explanation when it is unfolded, and shows every change with its evidence.

import { causeOf, fatesOf, noteOf, scopeText, sentence } from "./alert_words.js";
import { ask } from "./asking.js";
import { h, setText } from "./dom.js";
import { count, percent, plural, words } from "./numbers.js";
import { clock, moment } from "./times.js";

const digits = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const figure = (number) => (number === null ? "none" : digits.format(number));

/** One alert's disclosure. */
export class Why {
  constructor(number) {
    this.number = number;
    this.told = "";
    this.shown = "";
    this.asking = false;
    this.line = h("p", { class: "aside", role: "status" });
    this.changes = h("div", { class: "changes" });
    this.root = h("details", { class: "why" }, h("summary", {}, "Why?"), this.line, this.changes);
    this.root.addEventListener("toggle", () => this.ask());
  }

  /** The alert as it stands: once something of it that is explained changes, it is asked for again. */
  update(alert) {
    const { scope, severity, cause, effect, equivalents, state } = alert;
    this.told = JSON.stringify([scope, severity, cause, effect, equivalents, state]);
    if (this.root.open && this.told !== this.shown) this.ask();
  }

  async ask() {
    if (!this.root.open || this.asking || this.told === this.shown) return;
    this.asking = true;
    const told = this.told;
    if (this.shown === "") setText(this.line, "Asking.");
    try {
      this.show(await ask(`/api/v1/alerts/${this.number}/explain`));
    } catch (error) {
      // Nothing was shown wrong: the evidence, if any, stays.
      setText(this.line, `No explanation: ${error.message}`);
    }
    // Also after a failure: it is asked again with the next change, or when it is unfolded again.
    this.shown = told;
    this.asking = false;
  }

  show({ changes, left_out: leftOut, now }) {
    const told = changes.map((change) => changeOf(change, now));
    if (leftOut > 0) told.splice(1, 0, h("p", { class: "aside" }, `${plural(leftOut, "change")} left out.`));
    setText(this.line, "");
    this.changes.replaceChildren(...told);
  }
}

function changeOf(change, now) {
  const { alert } = change;
  const looked =
    change.first_slot === null ? "" : `, from the slots ${clock(change.first_slot)} to ${clock(change.last_slot ?? change.first_slot)}`;
  const parts = [
    h("h3", {}, `${words(change.change)} at ${moment(change.at, now)}${looked}`),
    h("p", {}, [scopeText(alert.scope, alert.service), causeOf(alert), noteOf(alert)].filter((text) => text !== "").map(sentence).join(". ")),
  ];
  const fates = fatesOf(alert);
  if (fates !== "") parts.push(h("p", {}, fates));
  const measured = [];
  const facts = Object.entries(change.facts);
  if (change.statistics.length > 0) measured.push(statisticsTable(change.statistics, alert.service));
  if (facts.length > 0) {
    measured.push(h("dl", { class: "pairs" }, ...facts.map(([name, fact]) => h("div", {}, h("dt", {}, name), h("dd", {}, fact)))));
  }
  const columns = [];
  if (measured.length > 0) columns.push(h("div", {}, ...measured));
  if (change.candidates.length > 0) columns.push(h("div", {}, candidatesTable(change.candidates, alert.service)));
  if (columns.length > 0) parts.push(h("div", { class: "tables" }, ...columns));
  return h("section", { class: "change" }, ...parts);
}

const head = (...names) =>
  h("thead", {}, h("tr", {}, ...names.map(([text, kind]) => h("th", { scope: "col", class: kind ?? null }, text))));

function statisticsTable(statistics, service) {
  const rows = statistics.map((each) => {
    const sought = each.alternative === null ? "" : ` for ${percent(each.alternative)} loss`;
    const brought = each.judged > 0 ? `${count(each.bad)} of ${count(each.judged)}` : "";
    return h(
      "tr",
      {},
      h("td", {}, `${each.name}${sought}`),
      h("td", {}, scopeText(each.scope, service)),
      h("td", { class: "number" }, brought),
      h("td", { class: "number" }, figure(each.value)),
      h("td", { class: "number" }, figure(each.threshold)),
    );
  });
  return h(
    "table",
    { class: "list" },
    h("caption", {}, "What passed its threshold"),
    head(["Statistic"], ["Of"], ["Bad", "number"], ["Value", "number"], ["Threshold", "number"]),
    h("tbody", {}, ...rows),
  );
}

function candidatesTable(candidates, service) {
  const rows = candidates.map((each, index) =>
    h(
      "tr",
      {},
      h("td", {}, each.scopes.map((scope) => scopeText(scope, service)).join(" and ") || "no scope"),
      h("td", {}, index === 0 ? "chosen" : ""),
      h("td", { class: "number" }, figure(each.score)),
    ),
  );
  return h(
    "table",
    { class: "list" },
    h("caption", {}, "Scopes that could explain it"),
    head(["Scope"], ["Choice"], ["Score", "number"]),
    h("tbody", {}, ...rows),
  );
}
