// What one cell shows: the counts of its newest slots, and the status that follows. The snapshot has
// cells for regions; those of zones, hosts and nodes are made here from rates, by the same rule.

import { badly, count } from "./numbers.js";

export const PROTOCOLS = ["tcp", "tls", "udp", "pickle", "pickle_tls", "https"];
export const LOCATIONS = ["external", "internal", "on-machine"];

const STATUS_S = 10;
const DOWN_SLOTS = 2;
const BAD = ["failed", "abandoned", "lost", "late"];
const NEITHER = ["not_attempted", "unknown"];

export const SAYS = { ok: "all arrive", partial: "some do not arrive", down: "none arrive", unknown: "unknown" };

/** Known names in their own order, then all others by the alphabet. */
export function ordered(names, known) {
  const rank = (name) => (known.includes(name) ? known.indexOf(name) : known.length);
  return [...new Set(names)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

const total = (lists, names, i) => names.reduce((sum, name) => sum + lists[name][i], 0);

/** A cell, as snapshots have them, of one group of `/api/v1/rates` over the minute that ends at `last`. */
export function cellOf({ labels, slots, expected, received, fates }, last) {
  const at = slots.map((_, i) => i);
  const newest = at.filter((i) => slots[i] > last - STATUS_S);
  const sum = (indices, names) => indices.reduce((so, i) => so + total(fates, names, i), 0);
  const bad = Object.fromEntries(BAD.map((fate) => [fate, sum(newest, [fate])]).filter(([, number]) => number > 0));
  const unknown = sum(newest, NEITHER);
  const all = newest.reduce((so, i) => so + expected[i], 0);
  const judged = newest.filter((i) => expected[i] > total(fates, NEITHER, i));
  let status = "ok";
  if (judged.length === 0) status = "unknown";
  else if (judged.some((i) => total(fates, BAD, i) > 0)) {
    status = judged.slice(-DOWN_SLOTS).some((i) => fates.delivered[i] > 0) ? "partial" : "down";
  }
  return {
    ...labels,
    status,
    bad_10s: bad,
    unknown_10s: unknown,
    expected_10s: all,
    bad_60s: sum(at, BAD),
    judged_60s: expected.reduce((so, number) => so + number, 0) - sum(at, NEITHER),
    received: newest.map((i) => received[i]),
    expected: newest.map((i) => expected[i]),
  };
}

/** Its sum rate: exact counts wherever not all of them arrived. */
export function rateText(cell) {
  const [received, expected] = [cell.received.at(-1) ?? 0, cell.expected.at(-1) ?? 0];
  return received === expected ? `${count(received)}/s` : `${count(received)} of ${count(expected)}`;
}

/** What stands beneath its rate: exact counts, and nothing while there is nothing to say. */
export function noteText(cell) {
  if (cell.status === "unknown") return "unknown";
  const bad = badly(cell.bad_10s);
  if (bad.total > 0) return `${count(bad.total)} ${bad.word}`;
  if (cell.unknown_10s > 0) return `${count(cell.unknown_10s)} unknown`;
  return cell.bad_60s > 0 ? `${count(cell.bad_60s)} bad / 60 s` : "";
}

/** All of it, a line each. */
export function cellText(cell) {
  const bad = badly(cell.bad_10s).entries.map(([fate, number]) => `${count(number)} ${fate}`);
  return [
    SAYS[cell.status],
    `${count(cell.received.at(-1) ?? 0)} of ${count(cell.expected.at(-1) ?? 0)} datapoints in the newest second`,
    `last 10 s: ${[...bad, `${count(cell.unknown_10s)} unknown`].join(", ")} of ${count(cell.expected_10s)}`,
    `last 60 s: ${count(cell.bad_60s)} bad of ${count(cell.judged_60s)} known`,
  ];
}
