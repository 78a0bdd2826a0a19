// Tables of cells that are buttons: one tab stop for all of them, arrows between them, Enter for more.

import { h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { cellText, noteText, rateText } from "./cells.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1], Home: [0, -Infinity], End: [0, Infinity] };

/**
 * `show(tables, cellOf)`: tables are {caption, rows, columns, mark}, `mark` the row that is marked, or
 * null; `cellOf(table, row, column)` gives its cell or undefined. `onPick(table, row, column)` is
 * called for a cell that is pressed; null makes texts of the cells.
 */
export class Matrix {
  constructor(parent, onPick) {
    this.parent = parent;
    this.onPick = onPick;
    this.shape = "";
    this.cells = [];
    this.current = null;
    parent.addEventListener("keydown", (event) => this.move(event));
    parent.addEventListener("focusin", ({ target }) => {
      const cell = this.cells.find(({ button }) => button === target);
      if (cell !== undefined) this.stopAt(cell);
    });
  }

  show(tables, cellOf) {
    const shape = JSON.stringify(tables);
    if (shape !== this.shape) {
      const focused = this.parent.contains(document.activeElement);
      this.shape = shape;
      this.build(tables);
      this.update(cellOf);
      this.stopAt(this.cells.find((cell) => cell.there) ?? null);
      if (focused) this.current?.button.focus();
      return;
    }
    this.update(cellOf);
    if (!this.current?.there) this.stopAt(this.cells.find((cell) => cell.there) ?? null);
  }

  update(cellOf) {
    for (const cell of this.cells) cell.update(cellOf(cell.table, cell.row, cell.column));
  }

  build(tables) {
    this.cells = [];
    const built = tables.map((table, index) => {
      const box = h("div", { class: "grid-table" }, this.table(table, index));
      box.style.setProperty("--columns", table.columns.length);
      return box;
    });
    this.parent.replaceChildren(...built);
  }

  table(table, index) {
    const heads = table.columns.map((column) => h("th", { scope: "col", title: column }, h("span", {}, column)));
    const rows = table.rows.map((row, r) =>
      h(
        "tr",
        { "data-marked": row === table.mark ? "yes" : null },
        h("th", { scope: "row", title: row }, h("span", {}, row)),
        ...table.columns.map((column, c) => this.cell(table, row, column, [index, r, c])),
      ),
    );
    return h(
      "table",
      {},
      h("caption", {}, table.caption),
      h("thead", {}, h("tr", {}, h("td"), ...heads)),
      h("tbody", {}, ...rows),
    );
  }

  cell(table, row, column, at) {
    const mark = icon("unknown");
    const rate = h("span", { class: "rate" });
    const note = h("span", { class: "note" });
    const said = h("span", { class: "said" });
    const inner = [h("span", { class: "line" }, mark, rate), note, said];
    const button = this.onPick === null ? h("div", { class: "cell" }, ...inner) : h("button", { class: "cell", type: "button", tabindex: "-1" }, ...inner);
    // The second press of two may be on what came in the place of the first.
    if (this.onPick !== null) button.addEventListener("click", (event) => event.detail < 2 && this.onPick(table, row, column));
    const root = h("td", {}, button);
    const name = `${row}, ${column}, ${table.caption}`;
    const cell = { table, row, column, at, button, there: false };
    cell.update = (value) => {
      cell.there = value !== undefined;
      button.hidden = !cell.there;
      setAttribute(root, "data-status", value?.status ?? "none");
      if (!cell.there) {
        setAttribute(root, "title", `${name}: no canary`);
        return;
      }
      setIcon(mark, value.status);
      setText(rate, rateText(value));
      setText(note, noteText(value));
      const lines = cellText(value);
      setAttribute(root, "title", `${name}: ${lines.join("\n")}`);
      setText(said, `, ${name}: ${lines.slice(0, 3).join("; ")}`);
    };
    this.cells.push(cell);
    return root;
  }

  stopAt(cell) {
    if (this.onPick === null || cell === this.current) return;
    if (this.current !== null) this.current.button.tabIndex = -1;
    this.current = cell;
    if (cell !== null) cell.button.tabIndex = 0;
  }

  /** To the next cell in the arrow's direction, into the table beside it where this one ends. */
  move(event) {
    const step = MOVES[event.key];
    if (step === undefined || this.current === null || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const [down, right] = step;
    const [t, r, c] = this.current.at;
    const ahead = this.cells.filter(({ there, at }) => {
      if (!there) return false;
      if (down !== 0) return at[0] === t && at[2] === c && Math.sign(at[1] - r) === down;
      const same = at[1] === r && Math.sign((at[0] - t) * 1000 + at[2] - c) === Math.sign(right);
      return same && (Number.isFinite(right) || at[0] === t);
    });
    if (ahead.length === 0) return;
    const distance = ({ at }) => Math.abs((at[0] - t) * 1e6 + (at[1] - r) * 1e3 + at[2] - c);
    const sorted = ahead.toSorted((a, b) => distance(a) - distance(b));
    (Number.isFinite(right) ? sorted[0] : sorted.at(-1)).button.focus();
  }
}
