// How far back the graphs go, all of them together.

import { Choice } from "./choices.js";

export const RANGES = new Map([
  ["5m", 300],
  ["1h", 3600],
  ["6h", 6 * 3600],
  ["24h", 24 * 3600],
  ["7d", 7 * 86_400],
  ["30d", 30 * 86_400],
]);
const USUAL = "5m";

const LEAST_S = 60;
const LEAST_STEPS = 12;

/** Seconds that an axis in steps of so many has at least. */
export const leastSpan = (step) => Math.max(LEAST_S, LEAST_STEPS * step);

/**
 * Where a time axis begins: with its range, or, where what is kept begins later, with that; but no less
 * than `least` seconds are drawn. `oldest` is the first second of which anything is known, null if none.
 */
export function beginOf(first, end, oldest, least) {
  return oldest === null ? first : Math.max(first, Math.min(oldest, end - least + 1));
}

export class Range {
  constructor(parent, place) {
    this.place = place;
    this.choice = new Choice("range", "Range", (value) => place.go({ range: value === USUAL ? null : value }));
    this.choice.show([...RANGES.keys()].map((name) => [name, name]), USUAL);
    parent.append(this.choice.root);
  }

  get name() {
    return RANGES.has(this.place.range) ? this.place.range : USUAL;
  }

  get seconds() {
    return RANGES.get(this.name);
  }

  show() {
    this.choice.choose(this.name);
  }

  /** As the API asks for it: up to `end`, or where that is null up to the newest second. */
  query(end) {
    const { seconds } = this;
    if (end !== null) return { from: end - seconds + 1, to: end + 1 };
    return { last: seconds < 3600 ? `${seconds}s` : `${seconds / 3600}h` };
  }

  /** How often, in milliseconds, its graphs are asked for again while they are live. */
  get refresh() {
    return Math.max(5_000, this.seconds * 2);
  }
}
