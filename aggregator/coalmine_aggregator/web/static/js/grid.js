// The grid: a table for each location, protocols down, regions across.

import { h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { badly, count } from "./format.js";

export const PROTOCOLS = ["tcp", "tls", "udp", "pickle", "pickle_tls", "https"];
export const LOCATIONS = ["external", "internal", "on-machine"];

// Tables share a line while their cells have room, and those of few regions do not spread out.
const HEAD_PX = 80;
const CELL_PX = 84;
const CELL_MOST_PX = 170;

const LEGEND = [
  ["ok", "all arrive"],
  ["partial", "some do not"],
  ["down", "none do"],
  ["unknown", "unknown"],
];

const SAYS = { ok: "all arrive", partial: "some do not arrive", down: "none arrive", unknown: "unknown" };

export function showLegend(list) {
  for (const [status, text] of LEGEND) {
    list.append(h("li", { "data-status": status }, h("span", { class: "chip" }, icon(status)), text));
  }
}

/** Known names in their own order, then all others by the alphabet. */
export function ordered(names, known) {
  const rank = (name) => (known.includes(name) ? known.indexOf(name) : known.length);
  return [...new Set(names)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

export class Grid {
  constructor(parent) {
    this.parent = parent;
    this.shape = "";
    this.cells = new Map();
  }

  show(cells) {
    const locations = ordered(cells.map((cell) => cell.location), LOCATIONS);
    const protocols = ordered(cells.map((cell) => cell.protocol), PROTOCOLS);
    const tables = locations.map((location) => {
      const here = cells.filter((cell) => cell.location === location);
      return [location, ordered(here.map((cell) => cell.region), [])];
    });
    const shape = JSON.stringify([tables, protocols]);
    if (shape !== this.shape) {
      this.shape = shape;
      this.build(tables, protocols);
    }
    const byKey = new Map(cells.map((cell) => [keyOf(cell.location, cell.protocol, cell.region), cell]));
    for (const [key, part] of this.cells) part.update(byKey.get(key));
  }

  build(tables, protocols) {
    this.cells.clear();
    const built = tables.map(([location, regions]) =>
      h(
        "div",
        { class: "grid-table", tabindex: "0", role: "region", "aria-label": location },
        h(
          "table",
          {},
          h("caption", {}, location),
          h(
            "thead",
            {},
            h("tr", {}, h("td"), ...regions.map((region) => h("th", { scope: "col", title: region }, h("span", {}, region)))),
          ),
          h(
            "tbody",
            {},
            ...protocols.map((protocol) =>
              h(
                "tr",
                {},
                h("th", { scope: "row", title: protocol }, h("span", {}, protocol)),
                ...regions.map((region) => this.cell(location, protocol, region)),
              ),
            ),
          ),
        ),
      ),
    );
    built.forEach((box, index) => {
      const regions = tables[index][1].length;
      box.style.flex = `${regions} 1 ${HEAD_PX + regions * CELL_PX}px`;
      box.style.maxWidth = `${HEAD_PX + regions * CELL_MOST_PX}px`;
    });
    this.parent.replaceChildren(...built);
  }

  cell(location, protocol, region) {
    const mark = icon("unknown");
    const rate = h("span", { class: "rate" });
    const note = h("span", { class: "note" });
    const root = h("td", {}, h("div", { class: "cell" }, h("span", { class: "line" }, mark, rate), note));
    const update = (cell) => {
      if (cell === undefined) {
        setAttribute(root, "data-status", "none");
        setText(rate, "");
        setText(note, "");
        setAttribute(root, "title", `${location}, ${protocol}, ${region}: no canary`);
        return;
      }
      const received = cell.received.at(-1);
      const expected = cell.expected.at(-1);
      setAttribute(root, "data-status", cell.status);
      setIcon(mark, cell.status);
      setText(rate, received === expected ? `${count(received)}/s` : `${count(received)} of ${count(expected)}`);
      setText(note, noteOf(cell));
      setAttribute(
        root,
        "title",
        `${location}, ${protocol}, ${region}: ${SAYS[cell.status]}\n` +
          `${count(received)} of ${count(expected)} datapoints in the newest second\n` +
          `last 10 s: ${listOf(cell)} of ${count(cell.expected_10s)}\n` +
          `last 60 s: ${count(cell.bad_60s)} bad of ${count(cell.judged_60s)} known`,
      );
    };
    this.cells.set(keyOf(location, protocol, region), { update });
    return root;
  }
}

function listOf(cell) {
  const bad = badly(cell.bad_10s).entries.map(([fate, number]) => `${count(number)} ${fate}`);
  return [...bad, `${count(cell.unknown_10s)} unknown`].join(", ");
}

/** What the cell says beneath its rate: exact counts, and nothing while there is nothing to say. */
function noteOf(cell) {
  if (cell.status === "unknown") return "unknown";
  const bad = badly(cell.bad_10s);
  if (bad.total > 0) return `${count(bad.total)} ${bad.word}`;
  if (cell.unknown_10s > 0) return `${count(cell.unknown_10s)} unknown`;
  return cell.bad_60s > 0 ? `${count(cell.bad_60s)} bad / 60 s` : "";
}

const keyOf = (location, protocol, region) => JSON.stringify([location, protocol, region]);

/** Counts cells by status, for the headline. */
export function tally(cells) {
  const counts = { ok: 0, partial: 0, down: 0, unknown: 0 };
  for (const cell of cells) counts[cell.status] += 1;
  return counts;
}
