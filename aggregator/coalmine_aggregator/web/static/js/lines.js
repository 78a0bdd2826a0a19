// The sum rates of the lines on show: history from the API, and while they are of the last minutes
// the newest slots from each snapshot.

import { Asking } from "./asking.js";
import { LOCATIONS, PROTOCOLS, ordered } from "./cells.js";

const REVISED_MS = 60_000; // late reports revise the past
const POLL_MS = 2_000;
const OF_CELLS = ["service", "location", "protocol", "region"];

export const BAD = ["failed", "abandoned", "lost", "late"];
const NEITHER = ["not_attempted", "unknown"];

/** One line: `at(slot)` gives {received, expected, bad, unknown, fates}, or undefined. */
class Line {
  constructor(labels) {
    this.labels = labels;
    this.slots = new Map();
  }

  at(slot) {
    return this.slots.get(slot);
  }
}

export class Lines {
  /** `onChange()` is called when an answer has come; `problem` then says why there is none. */
  constructor(onChange) {
    this.choice = "";
    this.by = [];
    this.lines = new Map();
    this.step = 1;
    this.problem = "";
    this.asking = new Asking({
      onAnswer: (rates, query) => {
        this.problem = "";
        this.take(rates, query.by.split(","));
        onChange();
      },
      onProblem: (problem) => {
        this.problem = problem.message;
        onChange();
      },
    });
  }

  /** Wants these lines: `end` is the past moment, or null while they are live. */
  want({ where, by, range, end, snapshot }) {
    const choice = JSON.stringify([where, by, range.name, end]);
    if (choice !== this.choice) {
      this.choice = choice;
      this.by = by;
      this.lines = new Map();
      this.step = range.seconds <= 300 ? 1 : null;
      this.problem = "";
    }
    const fine = range.seconds <= 300;
    // Cells that a snapshot has no room for would be missing from its sums.
    const isWhole = snapshot.cells.length === snapshot.cells_total;
    const fed = end === null && fine && isWhole && [...by, ...Object.keys(where)].every((label) => OF_CELLS.includes(label));
    const refresh = end !== null ? Infinity : fed ? REVISED_MS : fine ? POLL_MS : range.refresh;
    this.asking.want("/api/v1/rates", { by: by.join(","), ...where, ...range.query(end), step: fine ? 1 : null }, refresh);
    if (fed && snapshot.settled !== null) this.takeCells(snapshot, where, range.seconds);
  }

  take({ groups, first, step = 1 }, by) {
    if (by.join() !== this.by.join()) return;
    this.step = step;
    if (step > 1) this.lines = new Map();
    for (const { labels, slots, received, expected, fates } of groups) {
      const line = this.lineOf(labels);
      slots.forEach((slot, i) => {
        const sum = (names) => names.reduce((so, name) => so + fates[name][i], 0);
        line.slots.set(slot, {
          received: received[i],
          expected: expected[i],
          bad: sum(BAD),
          unknown: sum(NEITHER),
          fates: Object.fromEntries(BAD.map((name) => [name, fates[name][i]])),
        });
      });
    }
    if (step === 1) this.forget(first);
  }

  takeCells({ cells, settled }, where, span) {
    const sums = new Map();
    for (const cell of cells) {
      if (Object.entries(where).some(([label, value]) => cell[label] !== value)) continue;
      const line = this.lineOf(cell);
      const slots = sums.get(line) ?? new Map();
      sums.set(line, slots);
      cell.expected.forEach((expected, i) => {
        const slot = settled - cell.expected.length + 1 + i;
        const sum = slots.get(slot) ?? { received: 0, expected: 0, bad: 0, unknown: 0 };
        sum.received += cell.received[i];
        sum.expected += expected;
        sum.bad += cell.bad[i];
        sum.unknown += cell.unknown[i];
        slots.set(slot, sum);
      });
    }
    for (const [line, slots] of sums) {
      for (const [slot, sum] of slots) line.slots.set(slot, sum);
    }
    this.forget(settled - span + 1);
  }

  /** What is before the slot `first` is not drawn any more, and neither is what has nothing else. */
  forget(first) {
    for (const [key, { slots }] of this.lines) {
      for (const slot of slots.keys()) if (slot < first) slots.delete(slot);
      if (slots.size === 0) this.lines.delete(key);
    }
  }

  lineOf(source) {
    const labels = Object.fromEntries(this.by.map((label) => [label, source[label]]));
    const key = JSON.stringify(labels);
    let line = this.lines.get(key);
    if (line === undefined) this.lines.set(key, (line = new Line(labels)));
    return line;
  }

  /** The first slot of which any of them knows something, null if none. */
  oldest() {
    let oldest = Infinity;
    for (const { slots } of this.lines.values()) {
      for (const [slot, { expected }] of slots) if (expected > 0 && slot < oldest) oldest = slot;
    }
    return Number.isFinite(oldest) ? oldest : null;
  }

  /** The lines in reading order. */
  all() {
    const known = { protocol: PROTOCOLS, location: LOCATIONS };
    let lines = [...this.lines.values()];
    for (const label of [...this.by].reverse()) {
      const order = ordered(lines.map((line) => line.labels[label]), known[label] ?? []);
      lines = lines.toSorted((a, b) => order.indexOf(a.labels[label]) - order.indexOf(b.labels[label]));
    }
    return lines;
  }
}
