// How long it took to detect, to acknowledge and to recover, over the last 30 and 90 days.

import { ask } from "./asking.js";
import { h } from "./dom.js";
import { count } from "./numbers.js";
import { duration } from "./times.js";

const SPANS = [["30d", "The last 30 days"], ["90d", "The last 90 days"]];
const EVERY_MS = 60_000;
const HEADS = [["Detected in, ", "MTTD"], ["Acknowledged in, ", "MTTA"], ["Recovered in, ", "MTTR"]];

export class ResponseTimes {
  /** `onServices(names)` is told which services had incidents. */
  constructor(section, parent, onServices) {
    this.section = section;
    this.onServices = onServices;
    this.parent = parent;
    this.askedAt = -Infinity;
  }

  /** Something is over, or opened: asked for again, but not more often than makes sense. */
  refresh() {
    if (performance.now() - this.askedAt < EVERY_MS) return;
    this.askedAt = performance.now();
    this.ask();
  }

  async ask() {
    try {
      const answers = await Promise.all(SPANS.map(([last]) => ask("/api/v1/incidents/numbers", { last })));
      this.parent.replaceChildren(table(answers.map(({ total }, index) => row(SPANS[index][1], total))), ...byService(answers.at(-1)));
      this.section.hidden = false;
      this.onServices(answers.at(-1).services.map(({ service }) => service));
    } catch {
      // Without history there are none; those on show stay.
    }
  }
}

const head = (...texts) => h("th", { scope: "col", class: "number" }, ...texts);

const table = (rows) =>
  h(
    "table",
    { class: "list" },
    h("thead", {}, h("tr", {}, h("td"), head("Incidents"), ...HEADS.map(([long, short]) => head(h("span", { class: "wide" }, long), short)))),
    h("tbody", {}, ...rows),
  );

const row = (name, { incidents, detect, acknowledge, recover }) =>
  h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "number" }, count(incidents)), ...[detect, acknowledge, recover].map(spread));

function spread({ mean_s: mean, median_s: median }) {
  if (mean === null) return h("td", { class: "number" }, "-");
  return h("td", { class: "number" }, duration(mean), h("span", { class: "median" }, duration(median)));
}

function byService({ services }) {
  if (services.length < 2) return [];
  return [h("details", { class: "fold" }, h("summary", {}, `${SPANS.at(-1)[1]}, by service`), table(services.map(({ service, numbers }) => row(service, numbers))))];
}
