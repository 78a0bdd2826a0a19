// The grid: at the top a table for each location, protocols down and regions across; drilled, the
// zones of a region, the hosts of a zone, the nodes of a host, protocols across.

import { Asking } from "./asking.js";
import { LOCATIONS, PROTOCOLS, cellOf, ordered } from "./cells.js";
import { h, icon, setText } from "./dom.js";
import { Fresh } from "./fresh.js";
import { Matrix } from "./matrix.js";
import { plural } from "./numbers.js";

const SPAN_S = 60;
const REFRESH_MS = 1500;
const MAX_ROWS = 60;
const CELL_LABELS = "location,protocol,region";

const LEGEND = [
  ["ok", "all arrive"],
  ["partial", "some do not"],
  ["down", "none do"],
  ["unknown", "unknown"],
];

const NO_NODE = "any node"; // endpoints that lead to no machine alone

const WORST = ["down", "partial", "unknown", "ok"];

export function showLegend(list) {
  for (const [status, text] of LEGEND) {
    list.append(h("li", { "data-status": status }, h("span", { class: "chip" }, icon(status)), text));
  }
}

const keyOf = (...names) => JSON.stringify(names);

/** The tables of the top: [tables, cellOf]. */
export function regionTables(cells, mark = null) {
  const protocols = ordered(cells.map((cell) => cell.protocol), PROTOCOLS);
  const tables = ordered(cells.map((cell) => cell.location), LOCATIONS).map((location) => {
    const here = cells.filter((cell) => cell.location === location);
    return { caption: location, rows: protocols, columns: ordered(here.map((cell) => cell.region), []), mark };
  });
  const byKey = new Map(cells.map((cell) => [keyOf(cell.location, cell.protocol, cell.region), cell]));
  return [tables, (table, row, column) => byKey.get(keyOf(table.caption, row, column))];
}

export class Grid {
  constructor({ title, grid, note }, place) {
    this.title = title;
    this.note = note;
    this.place = place;
    this.fresh = new Fresh(grid);
    this.matrix = new Matrix(grid, (table, row, column) => this.pick(table, row, column));
    this.asking = new Asking({
      onAnswer: (rates) => this.showBelow(rates),
      onProblem: (problem) => {
        this.fresh.failed(() => this.matrix.show([], () => undefined));
        setText(this.note, `This level cannot be shown: ${problem.message}`);
      },
    });
    this.below = "region";
  }

  /**
   * `cells` are those of the service in the snapshot, `isLeftOut` that it had no room for them; `labels` is
   * the scope with the service in it.
   */
  show(cells, labels, end, isLeftOut) {
    const { below } = this.place;
    if (below !== this.below) setText(this.note, "");
    this.below = below;
    setText(this.title, below === "region" ? "Delivery by protocol and region" : `Delivery by ${below} and protocol`);
    if (below === "region" && !isLeftOut) {
      this.asking.want("", null);
      this.fresh.want("");
      this.fresh.arrived();
      const here = labels.location ? cells.filter((cell) => cell.location === labels.location) : cells;
      this.matrix.show(...regionTables(here, labels.protocol ?? null));
      setText(this.note, here.length === 0 ? "No canary is known here." : "");
      return;
    }
    const { protocol, ...where } = labels;
    this.fresh.want(JSON.stringify([below, where, this.place.at]));
    const range = this.place.at === null ? { last: `${SPAN_S}s` } : { from: end - SPAN_S + 1, to: end + 1 };
    this.asking.want("/api/v1/rates", { by: below === "region" ? CELL_LABELS : `protocol,${below}`, ...where, step: 1, ...range }, this.place.at === null ? REFRESH_MS : Infinity);
  }

  showBelow({ groups, last }) {
    this.fresh.arrived();
    const { below } = this;
    if (below === "region") {
      const here = groups.map((group) => cellOf(group, last));
      this.matrix.show(...regionTables(here, this.place.labels.protocol ?? null));
      setText(this.note, here.length === 0 ? "No canary is known here." : "");
      return;
    }
    const cells = groups.map((group) => cellOf(group, last)).map((cell) => ({ ...cell, [below]: cell[below] || NO_NODE }));
    const names = ordered(cells.map((cell) => cell[below]), []);
    const worst = new Map(names.map((name) => [name, WORST.length]));
    for (const cell of cells) worst.set(cell[below], Math.min(worst.get(cell[below]), WORST.indexOf(cell.status)));
    // Where not all fit, the ones in trouble do; those that do stand in the order of their names.
    const kept = new Set(names.toSorted((a, b) => worst.get(a) - worst.get(b)).slice(0, MAX_ROWS));
    const rows = names.filter((name) => kept.has(name));
    const { labels } = this.place;
    const table = {
      caption: `${below}s of ${labels.host ?? labels.zone ?? labels.region}`,
      rows,
      columns: ordered(cells.map((cell) => cell.protocol), PROTOCOLS),
      mark: null,
    };
    const byKey = new Map(cells.map((cell) => [keyOf(cell[below], cell.protocol), cell]));
    this.matrix.show([table], (_, row, column) => byKey.get(keyOf(row, column)));
    const left = names.length - rows.length;
    if (names.length === 0) setText(this.note, `No ${below} is known here.`);
    else setText(this.note, left > 0 ? `${plural(left, `more ${below}`)}, none worse than these.` : "");
  }

  pick(table, row, column) {
    const { below } = this;
    if (!this.fresh.isHere) return; // somewhere else by now: they lead astray
    if (below === "region") this.place.go({ labels: { location: table.caption, protocol: row, region: column } });
    else if (below === "node") this.place.go({ labels: { protocol: column } });
    else this.place.go({ labels: { protocol: column, [below]: row } });
  }
}
