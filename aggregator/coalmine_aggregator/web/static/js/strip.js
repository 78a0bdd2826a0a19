// The loss strip: a row of pixels for each series, time to the right, so that an outage has a shape.

import { Asking } from "./asking.js";
import { Choice } from "./choices.js";
import { h, setAttribute, setText } from "./dom.js";
import { Fresh } from "./fresh.js";
import { FONT, ticks } from "./graph.js";
import { count, plural, words } from "./numbers.js";
import { Pages } from "./pages.js";
import { colour, texture, textureKey } from "./palette.js";
import { onPreference } from "./preferences.js";
import { NARROW_PX, gutter } from "./rates.js";
import { CODES, StripData } from "./strip_data.js";
import { tickTimes } from "./tick_times.js";
import { both, duration, offset } from "./times.js";
import { hideTip, showTip } from "./tip.js";

const MAX_ROWS = 400;
const MAX_TOLD = 12;
const RIGHT_PX = 12; // as the graph above it
const AXIS_PX = 20;
const TICK_PX = 84; // they are this far apart at least
const TICKS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 432_000];
const ROW_PX = [[6, 14], [24, 8], [48, 5], [96, 3], [200, 2], [Infinity, 1]];

const KEY = ["lost", "failed", "abandoned", "late", "unknown"].map((fate) => [fate, fate]);

const rowHeight = (rows) => ROW_PX.find(([most]) => rows <= most)[1];

export class Strip {
  constructor({ section, strip, choices, pages, key, summary, table }, { onPick }) {
    this.section = section;
    this.parent = strip;
    this.summary = summary;
    this.table = table;
    this.fresh = new Fresh(strip, summary, table.parentElement);
    this.data = null;
    this.cursor = null;
    this.onPick = onPick;
    this.canvas = h("canvas", { "aria-hidden": "true" });
    setAttribute(strip, "role", "img");
    strip.tabIndex = 0;
    strip.append(this.canvas);
    textureKey(key, KEY);
    this.which = new Choice("strip", "Series", () => {});
    this.which.show([["all", "all"], ["bad", "with losses"]]);
    choices.append(this.which.root);
    this.pages = new Pages(pages, "Rows of the strip", () => this.ask());
    this.ask = () => {};
    this.asking = new Asking({
      onAnswer: (answer) => this.take(new StripData(answer)),
      onProblem: (problem) => {
        this.fresh.failed(() => this.clear());
        if (this.data === null) section.hidden = problem.isAbsent;
        setText(this.summary, `No answer: ${problem.message}`);
        setAttribute(this.summary, "data-fresh", null); // this is of here
      },
    });
    this.listen();
  }

  listen() {
    new ResizeObserver(() => this.draw()).observe(this.parent);
    onPreference(() => this.draw());
    this.canvas.addEventListener("pointermove", ({ clientX, clientY }) => this.hover(clientX, clientY));
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("click", () => this.pick());
    this.parent.addEventListener("blur", () => this.leave());
    this.parent.addEventListener("keydown", (event) => this.step(event));
  }

  show(labels, range, end) {
    const only = this.which.value === "bad" ? "bad" : null;
    const query = { ...labels, ...range.query(end), only };
    this.ask = () => {
      const after = this.pages.after(JSON.stringify(query));
      this.fresh.want(JSON.stringify([query, after]));
      if (!this.fresh.isHere) this.leave();
      this.asking.want("/api/v1/strip", { ...query, limit: MAX_ROWS, after }, end === null ? range.refresh : Infinity);
    };
    this.ask();
  }

  clear() {
    this.data = null;
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    setAttribute(this.parent, "aria-label", "Loss strip: no answer");
    this.table.parentElement.hidden = true;
  }

  take(data) {
    this.fresh.arrived();
    this.data = data;
    this.section.hidden = data.total === 0;
    this.pages.show(data.rows.length, data.total, data.next);
    const worst = data.worst();
    const span = duration(data.columns * data.step);
    const found = worst.length === 0 ? `No series lost anything in ${span}.` : `${plural(worst.length, "series", "series")} of ${count(data.rows.length)} lost something in ${span}.`;
    setText(this.summary, found);
    setAttribute(this.parent, "aria-label", `Loss strip: ${found} ${worst.slice(0, 3).map((each) => this.told(each)).join("; ")}`);
    this.table.parentElement.hidden = worst.length === 0;
    const rows = worst.slice(0, MAX_TOLD).map((each) =>
      h("tr", {}, h("th", { scope: "row" }, data.name(each.row)), h("td", { class: "number" }, duration(each.bad * data.step)), h("td", {}, fatesText(each.fates))),
    );
    const heads = [["Series", ""], ["With loss", "number"], ["As", ""]];
    this.table.replaceChildren(
      h("thead", {}, h("tr", {}, ...heads.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      h("tbody", {}, ...rows),
    );
    this.draw();
  }

  told({ row, bad, fates }) {
    return `${this.data.name(row)}: ${duration(bad * this.data.step)} of ${fatesText(fates)}`;
  }

  draw() {
    const width = this.parent.clientWidth;
    if (this.data === null || width === 0) return;
    const { rows, columns, runs } = this.data;
    const left = gutter(width);
    this.box = { left, width: width - left - RIGHT_PX, row: rowHeight(rows.length) };
    const height = Math.max(8, rows.length * this.box.row) + AXIS_PX;
    const scale = devicePixelRatio;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.style.height = `${height}px`;
    const pen = this.canvas.getContext("2d");
    const unit = (this.box.width * scale) / columns;
    const x = (column) => Math.round(left * scale + column * unit);
    const y = (row) => Math.round(row * this.box.row * scale);
    pen.fillStyle = colour("strip-good");
    for (const [from, length] of this.data.known()) pen.fillRect(x(from), 0, x(from + length) - x(from), y(rows.length));
    for (const [row, from, length, code] of runs) {
      pen.fillStyle = texture(pen, CODES[code] ?? "unknown");
      pen.fillRect(x(from), y(row), Math.max(1, x(from + length) - x(from)), y(row + 1) - y(row));
    }
    this.drawBands(pen, scale, y);
    this.drawAxis(pen, scale, y(rows.length));
  }

  /** The times beneath it, as the graph above it tells them. */
  drawAxis(pen, scale, top) {
    const { first, columns, step } = this.data;
    const pixels = this.box.width / (columns * step); // of a second
    const every = TICKS_S.find((seconds) => seconds * pixels >= TICK_PX) ?? TICKS_S.at(-1);
    const times = tickTimes(first, first + columns * step, every, offset);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    ticks(times, every).forEach((text, i) => {
      const at = (this.box.left + (times[i] - first) * pixels) * scale;
      pen.fillStyle = colour("rule-strong");
      pen.fillRect(Math.round(at), top, Math.max(1, Math.round(scale / 2)), 3 * scale);
      pen.fillStyle = colour("muted");
      if (at < this.canvas.width - 20 * scale) pen.fillText(text, at, top + 5 * scale);
    });
  }

  /** Names of protocols at the left, and a line where one ends. */
  drawBands(pen, scale, y) {
    pen.font = `${11 * scale}px ${FONT}`;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    let free = -Infinity;
    for (const { name, from, upto } of this.data.bands()) {
      const middle = (y(from) + y(upto)) / 2;
      if (from > 0) {
        pen.fillStyle = colour("surface");
        pen.fillRect(0, y(from), this.canvas.width, Math.max(1, Math.round(scale / 2)));
      }
      if (middle - free < 11 * scale) continue;
      free = middle;
      pen.fillStyle = colour("ink");
      pen.fillText(name, (this.box.left - 8) * scale, middle, (NARROW_PX - 8) * scale);
    }
  }

  hover(clientX, clientY) {
    if (!this.fresh.isHere) return; // it would tell of elsewhere
    const { top, left } = this.canvas.getBoundingClientRect();
    const column = Math.floor(((clientX - left - this.box.left) / this.box.width) * this.data.columns);
    const row = Math.floor((clientY - top) / this.box.row);
    if (column < 0 || column >= this.data.columns || row < 0 || row >= this.data.rows.length) this.leave();
    else this.point([row, column], clientX, clientY);
  }

  point(cursor, clientX, clientY) {
    this.cursor = cursor;
    const slot = this.data.slot(cursor[1]);
    const fate = words(this.data.at(...cursor));
    showTip([this.data.name(cursor[0]), this.data.step > 1 ? `worst of ${duration(this.data.step)}: ${fate}` : fate, both(slot)], clientX, clientY);
  }

  leave() {
    this.cursor = null;
    hideTip();
  }

  pick() {
    if (this.cursor !== null) this.onPick(this.data.slot(this.cursor[1]));
  }

  step(event) {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.key === "Enter") this.pick();
    if (event.key === "PageDown" || event.key === "PageUp") {
      if (event.key === "PageDown" ? this.pages.further() : this.pages.back()) event.preventDefault();
      return;
    }
    if (move === undefined || !this.fresh.isHere || this.data.rows.length === 0) return;
    event.preventDefault();
    const within = (value, most) => Math.min(most - 1, Math.max(0, value));
    const [row, column] = this.cursor ?? [0, this.data.columns];
    const to = [within(row + move[0], this.data.rows.length), within(column + move[1], this.data.columns)];
    const { top, left } = this.canvas.getBoundingClientRect();
    const at = left + this.box.left + ((to[1] + 0.5) / this.data.columns) * this.box.width;
    this.point(to, at, top + (to[0] + 0.5) * this.box.row);
  }
}

const fatesText = (fates) => Object.keys(fates).map(words).join(", ");
