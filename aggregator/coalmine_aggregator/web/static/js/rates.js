// The sum-rate graph. Each line is its share of what is expected, drawn 1.0 above the one below it: at
// its own number all arrives, beneath it something is missing. The table beside it has the true counts.

import { Choice } from "./choices.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { Graph, axis, stepped } from "./graph.js";
import { Lines } from "./lines.js";
import { count, plural } from "./numbers.js";
import { colour, lineColour, lineDash, texture } from "./palette.js";
import { beginOf, leastSpan } from "./range.js";
import { both, duration, full, moment, zone } from "./times.js";
import { hideTip, showTip } from "./tip.js";

const MAX_LINES = 24;
const LANE_PX = { few: 44, some: 32, many: 19 };
const LEAST_PX = 3; // what a loss is drawn as, however small
const WALL_TEXT_PX = 19; // at 1080 lines
export const GUTTER_PX = 132;
export const NARROW_PX = 100;

const laneOf = (lines) => (lines > 12 ? LANE_PX.many : lines > 6 ? LANE_PX.some : LANE_PX.few);

export const gutter = (width) => (width < 520 ? NARROW_PX : GUTTER_PX);

const nameOf = (line) => Object.values(line.labels).join(" ") || "all";

const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);

export class Rates {
  constructor({ graph, key, choices, caption }, place, { onPick = null, wall = false } = {}) {
    this.place = place;
    this.wall = wall;
    this.caption = caption;
    this.parent = graph;
    this.cursor = null;
    this.shown = [];
    this.times = [];
    this.graph = new Graph(graph, { onMove: (index, plot) => this.move(index, plot), onPick });
    graph.addEventListener("pointerleave", hideTip);
    this.lines = new Lines(() => this.draw());
    this.by = new Choice("lines", "A line for each", (value) => place.go({ lines: value === "protocol" ? null : value }));
    choices?.append(this.by.root);
    if (key !== undefined) this.key = new Key(key);
  }

  get choice() {
    const { below } = this.place;
    if (below === "node") return ["protocol"];
    const value = this.by.value;
    return value === "both" ? ["protocol", below] : [value === "place" ? below : "protocol"];
  }

  /** `labels` is the scope with the service in it. */
  show(labels, range, snapshot) {
    const { below, at, lines } = this.place;
    this.by.show(below === "node" ? [["protocol", "protocol"]] : [["protocol", "protocol"], ["place", below], ["both", "both"]]);
    this.by.choose(["place", "both"].includes(lines) ? lines : "protocol");
    this.range = range;
    this.end = snapshot.settled;
    if (this.end === null) return;
    const { protocol, ...where } = labels;
    this.marked = protocol ?? null;
    if (protocol && !this.choice.includes("protocol")) where.protocol = protocol;
    this.lines.want({ where, by: this.choice, range, end: at === null ? null : this.end, snapshot });
    this.draw();
  }

  draw() {
    const all = this.lines.all();
    const lines = all.slice(0, MAX_LINES);
    const step = this.lines.step ?? 1;
    const whole = Math.ceil((this.end - this.range.seconds + 1) / step) * step;
    const first = beginOf(whole, this.end, this.lines.oldest(), leastSpan(step));
    const times = [];
    for (let slot = first; slot <= this.end; slot += step) times.push(slot);
    this.shown = lines;
    this.times = times;
    const shares = lines.map((line, index) => {
      const zero = lines.length - 1 - index;
      return times.map((slot) => {
        const sum = line.at(slot);
        return sum && sum.expected > 0 ? zero + sum.received / sum.expected : null;
      });
    });
    const width = this.parent.clientWidth;
    const lane = this.wall ? Math.max(20, (this.parent.clientHeight - 50) / Math.max(1, lines.length)) : laneOf(lines.length);
    this.graph.show({
      shape: JSON.stringify([lines.map(nameOf), step, width < 520, this.marked]),
      make: () => this.options(lines, step, width),
      height: this.wall ? this.parent.clientHeight : 40 + Math.max(2, lines.length) * lane,
      data: [times, ...shares],
      span: [first, this.end + step],
      label: `Sum rates over ${duration(this.range.seconds)}: ${this.summary(lines, times)}`,
    });
    this.key?.show(lines, this.cursor === null ? this.newest() : times[this.cursor], this.cursor !== null, step);
    this.say(all.length - lines.length, step, first > whole ? first : null);
  }

  newest() {
    return this.times.findLast((slot) => this.shown.some((line) => line.at(slot))) ?? this.times.at(-1);
  }

  options(lines, step, width) {
    const top = lines.length;
    const text = this.wall ? WALL_TEXT_PX * (innerHeight / 1080) : undefined;
    const size = this.wall ? Math.round(10.5 * text) : gutter(width);
    const room = size < GUTTER_PX ? 10 : 14;
    return {
      text,
      padding: [10, this.wall ? 3 * text : 12, 0, 0],
      scales: { y: { range: () => [0, top + 0.15] } },
      series: [{}, ...lines.map((line, i) => ({ stroke: lineColour(i), dash: lineDash(i), width: this.wall || this.marked === line.labels.protocol ? 2.5 : 1.5, paths: stepped({ align: 1 }), points: { show: false } }))],
      axes: [
        axis({
          text,
          size,
          gap: 8,
          stroke: colour("ink"),
          splits: () => lines.map((_, i) => i + 1),
          values: () => lines.map((_, i) => `${short(nameOf(lines[top - 1 - i]), room)}  ${(i + 1).toFixed(1)}`),
        }),
      ],
      hooks: { draw: [(plot) => this.losses(plot, step)] },
    };
  }

  /** What is missing beneath each line: solid what went bad, textured what is unknown. */
  losses(plot, step) {
    const pen = plot.ctx;
    const x = (slot) => Math.round(plot.valToPos(slot, "x", true));
    const y = (value) => plot.valToPos(value, "y", true);
    pen.save();
    pen.beginPath();
    pen.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    pen.clip();
    this.shown.forEach((line, index) => {
      const zero = this.shown.length - 1 - index;
      for (const slot of this.times) {
        const sum = line.at(slot);
        if (!sum || sum.bad + sum.unknown === 0) continue;
        const from = zero + sum.received / sum.expected;
        // What is not known may well have arrived: no more is drawn than is missing.
        let missing = Math.max(0, sum.expected - sum.received);
        let base = y(from);
        for (const [fate, number] of [["lost", sum.bad], ["unknown", sum.unknown]]) {
          if (number === 0) continue;
          const drawn = Math.min(number, missing);
          const tall = Math.max(LEAST_PX * devicePixelRatio, y(from) - y(from + drawn / sum.expected));
          missing -= drawn;
          pen.fillStyle = texture(pen, fate);
          pen.fillRect(x(slot), base - tall, Math.max(1, x(slot + step) - x(slot)), tall);
          base -= tall;
        }
      }
    });
    pen.restore();
  }

  move(index, plot) {
    this.cursor = index;
    const slot = index === null ? this.newest() : this.times[index];
    this.key?.show(this.shown, slot, index !== null, this.lines.step ?? 1);
    if (index === null || this.wall || slot === undefined) {
      hideTip();
      return;
    }
    const { top, left } = plot.over.getBoundingClientRect();
    const height = plot.over.clientHeight;
    const lane = Math.min(this.shown.length - 1, Math.floor((plot.cursor.top / height) * this.shown.length));
    const line = this.shown[Math.max(0, lane)];
    const sum = line?.at(slot);
    const said = sum ? `${nameOf(line)}: ${count(sum.received)} of ${count(sum.expected)} arrived` : "no data";
    showTip([said, sum ? badText(sum) : "", both(slot)].filter(Boolean), left + plot.cursor.left, top + plot.cursor.top);
  }

  summary(lines, times) {
    const lost = lines.map((line) => [nameOf(line), times.reduce((sum, slot) => sum + (line.at(slot)?.bad ?? 0), 0)]);
    const bad = lost.filter(([, number]) => number > 0);
    if (lines.length === 0) return "nothing yet";
    return bad.length === 0 ? "nothing was lost on any line" : bad.map(([name, number]) => `${name} ${count(number)} bad`).join(", ");
  }

  /** `begins` is what the axis begins with where its range begins earlier, else null. */
  say(left, step, begins) {
    const parts = [`Share of what is expected, ${step === 1 ? "each second" : `in steps of ${duration(step)}`}; times in ${zone(this.end)}.`];
    if (this.shown.length > 1) parts.push("Lines are drawn 1.0 above each other, for display alone: at its number a line is whole.");
    if (this.key !== undefined) parts.push("The table has the true counts.");
    if (begins !== null) parts.push(`Nothing is kept from before ${moment(this.lines.oldest(), this.end)}.`);
    if (left > 0) parts.push(`${plural(left, "more line")} not drawn.`);
    if (this.lines.problem) parts.unshift(`No answer: ${this.lines.problem}`);
    setText(this.caption, parts.join(" "));
  }
}

function badText({ bad, unknown, fates }) {
  const each = Object.entries(fates ?? { bad }).filter(([, number]) => number > 0);
  if (unknown > 0) each.push(["unknown", unknown]);
  return each.map(([fate, number]) => `${count(number)} ${fate}`).join(", ");
}

/** The table beside the graph: the true counts, at the cursor or of the newest slot. */
class Key {
  constructor(parent) {
    this.caption = h("caption");
    const body = h("tbody");
    const heads = [["Line", ""], ["Arrived", "number"], ["Bad", "number"], ["Unknown", "number"]];
    parent.append(
      h("table", { class: "key" }, this.caption, h("thead", {}, h("tr", {}, ...heads.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))), body),
    );
    this.keyed = new Keyed(body, keyRow);
  }

  show(lines, slot, isPast, step) {
    const span = step === 1 ? "" : `, ${duration(step)} from there`;
    setText(this.caption, slot === undefined ? "nothing yet" : `${isPast ? full(slot) : `newest: ${moment(slot, slot)}`}${span}`);
    setAttribute(this.caption, "title", slot === undefined ? null : both(slot));
    this.keyed.show(
      lines.map((line, index) => ({ name: nameOf(line), index, sum: line.at(slot) })),
      ({ name, index }) => `${index} ${name}`,
    );
  }
}

function keyRow({ index }) {
  const name = h("th", { scope: "row" });
  const numbers = [0, 1, 2].map(() => h("td", { class: "number" }));
  const swatch = h("span", { class: `swatch colour-${index % 6} dash-${Math.floor(index / 6) % 3}`, "aria-hidden": "true" });
  const text = h("span");
  name.append(swatch, text);
  const root = h("tr", {}, name, ...numbers);
  const update = ({ name: called, sum }) => {
    setText(text, called);
    setAttribute(root, "data-bad", sum?.bad > 0 ? "yes" : null);
    const texts = sum ? [`${count(sum.received)} of ${count(sum.expected)}`, count(sum.bad), count(sum.unknown)] : ["no data", "", ""];
    texts.forEach((each, i) => setText(numbers[i], each));
  };
  return { root, update };
}
