// One answer of `/api/v1/strip`, ready to be looked up: what a series was in a column, and who lost most.

import { PROTOCOLS, ordered } from "./cells.js";
import { beginOf, leastSpan } from "./range.js";

/** What a run's code says; good is left out of answers. */
export const CODES = { 1: "unknown", 2: "not_attempted", 3: "late", 4: "lost", 5: "failed", 6: "abandoned", 7: "not_expected" };
const IS_BAD = new Set(["late", "lost", "failed", "abandoned"]);

const LABELS = ["protocol", "location", "region", "zone", "host", "node", "variant"];

export class StripData {
  /** Protocols come in the order that they have everywhere on the page; what is before the beginning of
   * all that is kept is left out. */
  constructor({ first, step, columns, total, seen, rows, runs, next }) {
    const oldest = seen.findIndex((seconds) => seconds > 0);
    const begin = beginOf(first, first + columns * step - 1, oldest < 0 ? null : first + oldest * step, leastSpan(step));
    const before = Math.floor((begin - first) / step);
    Object.assign(this, { first: first + before * step, step, columns: columns - before, total, seen: seen.slice(before), next });
    const protocols = ordered(rows.map(({ protocol }) => protocol), PROTOCOLS);
    const order = rows.map((_, row) => row).sort((a, b) => protocols.indexOf(rows[a].protocol) - protocols.indexOf(rows[b].protocol) || a - b);
    const place = new Map(order.map((row, at) => [row, at]));
    this.rows = order.map((row) => rows[row]);
    this.runs = [];
    for (const [row, from, length, code] of runs) {
      const start = Math.max(0, from - before);
      const upto = from - before + length;
      if (upto > start) this.runs.push([place.get(row), start, upto - start, code]);
    }
    this.byRow = rows.map(() => []);
    for (const run of this.runs) this.byRow[run[0]].push(run);
  }

  /** Runs of columns of which anything is known: [from, length]. */
  known() {
    const known = [];
    this.seen.forEach((seconds, column) => {
      if (seconds === 0) return;
      const last = known.at(-1);
      if (last !== undefined && last[0] + last[1] === column) last[1] += 1;
      else known.push([column, 1]);
    });
    return known;
  }

  slot(column) {
    return this.first + column * this.step;
  }

  /** The fate of a row in a column; "good" where nothing else is said, "nothing known" of seconds that are not kept. */
  at(row, column) {
    if (this.seen[column] === 0) return "nothing known";
    const run = this.byRow[row]?.find(([, from, length]) => column >= from && column < from + length);
    return run === undefined ? "good" : CODES[run[3]] ?? "unknown";
  }

  name(row) {
    const labels = this.rows[row];
    return LABELS.filter((label) => labels[label]).map((label) => labels[label]).join(" ");
  }

  /** The rows with columns that went bad, worst first: {row, name, bad, unknown, fates}. */
  worst() {
    const found = this.byRow.map((runs, row) => {
      const fates = {};
      for (const [, , length, code] of runs) fates[CODES[code]] = (fates[CODES[code]] ?? 0) + length;
      const bad = Object.entries(fates).reduce((sum, [fate, number]) => sum + (IS_BAD.has(fate) ? number : 0), 0);
      return { row, bad, fates };
    });
    return found.filter(({ bad }) => bad > 0).sort((a, b) => b.bad - a.bad || a.row - b.row);
  }

  /** Rows that follow each other with the same protocol: {name, from, upto}. */
  bands() {
    const bands = [];
    this.rows.forEach(({ protocol }, row) => {
      const last = bands.at(-1);
      if (last?.name === protocol) last.upto = row + 1;
      else bands.push({ name: protocol, from: row, upto: row + 1 });
    });
    return bands;
  }
}
