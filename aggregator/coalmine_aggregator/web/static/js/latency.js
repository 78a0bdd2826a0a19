// How long each step takes: a small graph for each protocol, p50 and p99, and the numbers beneath it.

import { Asking } from "./asking.js";
import { PROTOCOLS, ordered } from "./cells.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { Fresh } from "./fresh.js";
import { Graph, axis, linear } from "./graph.js";
import { count, latency } from "./numbers.js";
import { colour } from "./palette.js";
import { beginOf } from "./range.js";
import { both, duration, zone } from "./times.js";

const STEPS = ["resolve", "connect", "tls", "send", "response", "total"];
const NAMES = { tls: "TLS handshake" };
const HEIGHT_PX = 150;
const LATENCY_STEPS = [60, 300, 3600, 21_600];
const MAX_POINTS = 400;
const LEAST_STEPS = 4; // of the time axis
const FEW = 12; // points that are drawn one by one
const POWERS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7];

export class Latency {
  constructor({ section, list, caption }) {
    this.section = section;
    this.caption = caption;
    this.keyed = new Keyed(list, small);
    this.fresh = new Fresh(list);
    this.answer = null;
    this.asking = new Asking({
      onAnswer: (answer) => this.take(answer),
      onProblem: (problem) => {
        this.fresh.failed(() => {
          this.answer = null;
          this.keyed.show([], () => "");
        });
        if (this.answer === null) section.hidden = problem.isAbsent;
        setText(caption, `No answer: ${problem.message}`);
      },
    });
  }

  /** By protocol, of the service and, where they are chosen, of a location and a region. */
  show({ service, location, region }, range, end) {
    this.fresh.want(JSON.stringify([service, location, region, range.name, end]));
    this.asking.want("/api/v1/latency", { service, location, region, by: "protocol", step: stepFor(range.seconds), ...range.query(end) }, end === null ? range.refresh : Infinity);
  }

  take(answer) {
    this.fresh.arrived();
    this.answer = answer;
    const { slots, step } = answer;
    const oldest = slots.find((_, i) => answer.groups.some(({ steps }) => Object.values(steps).some(({ count }) => count[i] > 0)));
    const begin = beginOf(slots[0], slots.at(-1) + step - 1, oldest ?? null, LEAST_STEPS * step);
    const order = ordered(answer.groups.map(({ labels }) => labels.protocol), PROTOCOLS);
    const groups = answer.groups.toSorted((a, b) => order.indexOf(a.labels.protocol) - order.indexOf(b.labels.protocol));
    this.section.hidden = groups.length === 0;
    const last = slots.at(-1) ?? answer.first;
    setText(this.caption, `Solid p50, dashed p99, on a logarithmic scale, in steps of ${duration(step)}; times in ${zone(last)}.`);
    this.keyed.show(groups.map((group) => ({ ...group, slots, step, begin })), ({ labels }) => labels.protocol);
  }
}

/** Seconds between points: histograms are kept by minutes and hours, and many points tell no more. */
const stepFor = (span) => LATENCY_STEPS.find((step) => span / step <= MAX_POINTS) ?? LATENCY_STEPS.at(-1);

/** One protocol. */
function small() {
  const title = h("h3");
  const at = h("span", { class: "aside" });
  const box = h("div", { class: "small-graph" });
  const body = h("tbody");
  const heads = [["Step", ""], ["p50", "number"], ["p99", "number"], ["Measured", "number"]];
  const table = h("table", { class: "key" }, h("thead", {}, h("tr", {}, ...heads.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))), body);
  const rows = new Keyed(body, stepRow);
  let group = null;
  let names = [];
  const tell = (index) => {
    if (group === null) return;
    const known = group.slots.findLastIndex((_, i) => names.some((name) => group.steps[name].p50_us[i] !== null));
    const i = index ?? known;
    setText(at, i < 0 ? "nothing yet" : index === null ? "newest" : both(group.slots[i]));
    rows.show(names.map((name) => ({ name, index: STEPS.indexOf(name), of: group.steps[name], i })), ({ name }) => name);
  };
  const graph = new Graph(box, { onMove: tell });
  const update = (next) => {
    group = next;
    names = STEPS.filter((name) => group.steps[name]?.count.some((number) => number > 0));
    setText(title, group.labels.protocol);
    setAttribute(table, "aria-label", `Latency of ${group.labels.protocol} by step`);
    const few = group.slots.length < FEW;
    const positive = (numbers) => numbers.map((us) => (us === null || us <= 0 ? null : us));
    graph.show({
      shape: JSON.stringify([names, few]),
      make: () => options(names, few),
      height: HEIGHT_PX,
      data: [group.slots, ...names.flatMap((name) => [positive(group.steps[name].p50_us), positive(group.steps[name].p99_us)])],
      span: [group.begin ?? 0, (group.slots.at(-1) ?? 0) + group.step],
      label: `Latency of ${group.labels.protocol} by step, p50 and p99; the table has the numbers`,
    });
    tell(null);
  };
  return { root: h("div", { class: "small" }, h("div", { class: "small-head" }, title, at), box, table), update };
}

function options(names, few) {
  const line = (index, dash) => ({ stroke: colour(`line-${index}`), dash, width: dash.length > 0 ? 1 : 1.75, paths: linear(), points: { show: few, size: 5 }, spanGaps: false });
  return {
    padding: [8, 16, 0, 0],
    scales: { y: { distr: 3, log: 10 } },
    series: [{}, ...names.flatMap((name) => [line(STEPS.indexOf(name), []), line(STEPS.indexOf(name), [4, 3])])],
    axes: [axis({ size: 52, splits: (plot) => POWERS.filter((us) => us >= plot.scales.y.min && us <= plot.scales.y.max), filter: (_, splits) => splits, values: (_, splits) => splits.map(latency) })],
  };
}

function stepRow({ index }) {
  const text = h("span");
  const name = h("th", { scope: "row" }, h("span", { class: `swatch colour-${index}`, "aria-hidden": "true" }), text);
  const cells = [0, 1, 2].map(() => h("td", { class: "number" }));
  const update = ({ name: step, of, i }) => {
    setText(text, NAMES[step] ?? step);
    const texts = i < 0 ? ["", "", ""] : [latency(of.p50_us[i]), latency(of.p99_us[i]), count(of.count[i])];
    texts.forEach((each, k) => setText(cells[k], each));
  };
  return { root: h("tr", {}, name, ...cells), update };
}
