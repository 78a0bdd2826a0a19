// The sum rates of the lines on show: history from the API, the newest slots from each snapshot.

import { LOCATIONS, PROTOCOLS, ordered } from "./grid.js";

const REFRESH_MS = 60_000; // late reports revise the past

/** One line: `at(slot)` gives {received, expected, bad, unknown}, or undefined. */
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
  constructor() {
    this.choice = null;
    this.lines = new Map();
    this.loading = null;
    this.loadedAt = 0;
    this.failed = false;
  }

  /** choice: {service, location ("" is all), by: ["protocol"], span_s}. */
  choose(choice) {
    if (JSON.stringify(choice) === JSON.stringify(this.choice)) return;
    this.choice = choice;
    this.lines = new Map();
    this.load();
  }

  async load() {
    this.loading?.abort();
    const loading = new AbortController();
    this.loading = loading;
    this.loadedAt = performance.now();
    const { service, location, by, span_s } = this.choice;
    const query = new URLSearchParams({ by: by.join(","), last: `${span_s}s`, service });
    if (location) query.set("location", location);
    try {
      const answer = await fetch(`/api/v1/rates?${query}`, { signal: loading.signal });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      const rates = await answer.json();
      if (this.loading === loading) this.takeHistory(rates.groups);
      this.failed = false;
    } catch (error) {
      if (error.name !== "AbortError") this.failed = true;
    }
  }

  takeHistory(groups) {
    for (const group of groups) {
      const line = this.lineOf(group.labels);
      const { failed, abandoned, lost, late, not_attempted, unknown } = group.fates;
      group.slots.forEach((slot, i) => {
        line.slots.set(slot, {
          received: group.received[i],
          expected: group.expected[i],
          bad: failed[i] + abandoned[i] + lost[i] + late[i],
          unknown: not_attempted[i] + unknown[i],
        });
      });
    }
  }

  takeSnapshot(cells, settled) {
    if (this.choice === null || settled === null) return;
    const { service, location, span_s } = this.choice;
    const sums = new Map();
    for (const cell of cells) {
      if (cell.service !== service || (location && cell.location !== location)) continue;
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
    for (const line of this.lines.values()) {
      for (const slot of line.slots.keys()) if (slot <= settled - span_s) line.slots.delete(slot);
    }
    if (performance.now() - this.loadedAt > (this.failed ? 5_000 : REFRESH_MS)) this.load();
  }

  lineOf(source) {
    const labels = Object.fromEntries(this.choice.by.map((label) => [label, source[label]]));
    const key = JSON.stringify(labels);
    let line = this.lines.get(key);
    if (line === undefined) this.lines.set(key, (line = new Line(labels)));
    return line;
  }

  /** The lines in reading order. */
  all() {
    const known = { protocol: PROTOCOLS, location: LOCATIONS };
    let lines = [...this.lines.values()];
    for (const label of [...(this.choice?.by ?? [])].reverse()) {
      const order = ordered(lines.map((line) => line.labels[label]), known[label] ?? []);
      lines = lines.toSorted((a, b) => order.indexOf(a.labels[label]) - order.indexOf(b.labels[label]));
    }
    return lines;
  }
}
