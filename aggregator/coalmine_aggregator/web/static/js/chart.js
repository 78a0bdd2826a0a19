// The sum-rate graph. Lines are drawn above each other (an offset for display alone) so that all can
// be seen; each has its own zero, and the numbers at the left are its own.

import { s } from "./dom.js";
import { clock, count } from "./format.js";

const NICE = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
const MAX_LINES = 32;
const COLOURS = 6;

/** The offset between lines: the next round number above the largest rate. A single canary's is 1. */
export function offsetFor(largest) {
  if (largest <= 1) return 1;
  const unit = 10 ** Math.floor(Math.log10(largest));
  return NICE.map((nice) => nice * unit).find((nice) => nice > largest && Number.isInteger(nice)) ?? 2 * unit * 10;
}

export class Chart {
  constructor(parent, caption) {
    this.parent = parent;
    this.caption = caption;
    this.last = null;
    new ResizeObserver(() => this.last && this.draw(...this.last)).observe(parent);
  }

  draw(lines, settled, span) {
    this.last = [lines, settled, span];
    const shown = lines.slice(0, MAX_LINES);
    const width = Math.max(280, this.parent.clientWidth);
    const narrow = width < 560;
    const lane = shown.length > 12 ? 24 : shown.length > 6 ? 36 : 54;
    const box = { left: 46, right: narrow ? 96 : 150, top: 16, bottom: 24 };
    const height = box.top + box.bottom + Math.max(1, shown.length) * lane;
    const inner = width - box.left - box.right;
    const first = settled - span + 1;
    const x = (slot) => box.left + ((slot - first) / span) * inner;
    const largest = Math.max(1, ...shown.map((line) => largestOf(line, first, settled)));
    const offset = offsetFor(largest);
    const perUnit = lane / offset;

    const parts = [axis(first, settled, x, box, height, narrow)];
    shown.forEach((line, index) => {
      const base = box.top + (index + 1) * lane;
      const raised = (shown.length - 1 - index) * offset;
      parts.push(this.line(line, { index, base, raised, first, settled, x, perUnit, largest, box, width, narrow, lane }));
    });
    parts.push(s("text", { class: "unit", x: 0, y: 9 }, "datapoints/s"));
    const text = shown.map((line) => `${nameOf(line)} ${rateOf(line, settled)}`).join("; ");
    const drawing = s(
      "svg",
      { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Sum rates: ${text}` },
      ...parts,
    );
    this.parent.replaceChildren(drawing);
    this.caption.textContent = captionOf(lines.length, shown.length, offset, span);
  }

  line(line, { index, base, raised, first, settled, x, perUnit, largest, box, width, narrow, lane }) {
    const y = (value) => base - value * perUnit;
    const group = s("g", { class: `line colour-${index % COLOURS}` });
    group.append(
      s("line", { class: "zero", x1: box.left, x2: width - box.right, y1: base, y2: base }),
      s("text", { class: "tick", x: box.left - 6, y: base - 1, "text-anchor": "end" }, "0"),
      s("text", { class: "tick", x: box.left - 6, y: y(largest) + 4, "text-anchor": "end" }, count(largest)),
    );
    const { path, steps, areas } = trace(line, first, settled, x, y);
    group.append(s("path", { class: "rate-step", d: steps }), s("path", { class: "rate-line", d: path }));
    for (const { kind, ...at } of areas) group.append(s("rect", { class: kind, ...at }));

    const top = y(largest) + 4;
    const left = width - box.right + 8;
    const label = s("text", { class: "label", x: left, y: top }, nameOf(line));
    group.append(label);
    const rate = rateOf(line, settled);
    if (lane >= 34) {
      group.append(
        s("text", { class: "value", x: left, y: top + 14 }, narrow || raised === 0 ? rate : `${rate}, drawn +${count(raised)}`),
      );
    } else {
      label.append(s("tspan", { class: "value", dx: 6 }, rate));
    }
    return group;
  }
}

function largestOf(line, first, settled) {
  let largest = 0;
  for (let slot = first; slot <= settled; slot += 1) {
    const sum = line.at(slot);
    if (sum) largest = Math.max(largest, sum.expected, sum.received);
  }
  return largest;
}

function nameOf(line) {
  const name = Object.values(line.labels).join(" ");
  return name.length > 28 ? `${name.slice(0, 27)}\u2026` : name;
}

function rateOf(line, settled) {
  const sum = line.at(settled);
  if (!sum) return "no data";
  return sum.received === sum.expected ? `${count(sum.received)}/s` : `${count(sum.received)} of ${count(sum.expected)}/s`;
}

/** A step line of what was received; above it, as runs of seconds, what was lost and what is unknown. */
function trace(line, first, settled, x, y) {
  let path = ""; // levels, and apart from them the steps between, which are drawn thin
  let steps = "";
  let pen = null;
  const areas = [];
  const runs = { lost: null, unknown: null };
  const paint = (kind, slot, from, upto) => {
    const run = runs[kind];
    if (run && run.from === from && run.upto === upto && upto > from) {
      run.end = slot + 1;
      return;
    }
    if (run) areas.push({ kind, x: x(run.start), y: y(run.upto), width: x(run.end) - x(run.start), height: y(run.from) - y(run.upto) });
    runs[kind] = upto > from ? { start: slot, end: slot + 1, from, upto } : null;
  };
  for (let slot = first; slot <= settled + 1; slot += 1) {
    const sum = slot <= settled ? line.at(slot) : undefined;
    const received = sum?.received ?? 0;
    paint("lost", slot, received, received + (sum?.bad ?? 0));
    paint("unknown", slot, received + (sum?.bad ?? 0), received + (sum?.bad ?? 0) + (sum?.unknown ?? 0));
    if (sum === undefined) {
      if (pen !== null) path += `H${x(slot).toFixed(1)}`;
      pen = null;
    } else if (pen === null) {
      path += `M${x(slot).toFixed(1)} ${y(received).toFixed(1)}`;
      pen = received;
    } else if (pen !== received) {
      const at = x(slot).toFixed(1);
      path += `H${at}M${at} ${y(received).toFixed(1)}`;
      steps += `M${at} ${y(pen).toFixed(1)}V${y(received).toFixed(1)}`;
      pen = received;
    }
  }
  return { path, steps, areas };
}

function axis(first, settled, x, box, height, narrow) {
  const group = s("g", { class: "axis" });
  const step = narrow ? 120 : 60;
  const bottom = height - box.bottom;
  for (let slot = Math.ceil(first / step) * step; slot <= settled; slot += step) {
    group.append(
      s("line", { x1: x(slot), x2: x(slot), y1: box.top - 4, y2: bottom + 4 }),
      s("text", { class: "tick", x: x(slot), y: bottom + 17, "text-anchor": "middle" }, clock(slot).slice(0, 5)),
    );
  }
  group.append(s("text", { class: "unit", x: 0, y: bottom + 17 }, "UTC"));
  return group;
}

function captionOf(all, shown, offset, span) {
  const parts = [`Datapoints that arrived in time, each second of the last ${Math.round(span / 60)} min.`];
  if (shown > 1) {
    parts.push(
      `Each line is drawn ${count(offset)}/s above the next one below, so that all can be seen; the numbers at the left are its own.`,
    );
  }
  parts.push("Red: failed, abandoned, lost or late. Grey: unknown.");
  if (all > shown) parts.push(`${count(all - shown)} more lines are not drawn.`);
  return parts.join(" ");
}
