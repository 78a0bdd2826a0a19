// Leafing through a long list: which rows are on show, the page before and the page after.

import { h, setText } from "./dom.js";
import { count } from "./numbers.js";

export class Pages {
  /** `name` is what the list is called; `onTurn()` is called when another page is wanted. */
  constructor(parent, name, onTurn) {
    this.parent = parent;
    this.onTurn = onTurn;
    this.query = "";
    this.before = []; // of each page before this one: its cursor, and the rows that it had
    this.cursor = null;
    this.rows = 0;
    this.next = null;
    this.said = h("p", { class: "aside", role: "status" });
    this.buttons = [
      ["Back", "The rows before these", () => this.back()],
      ["Further", "The rows after these", () => this.further()],
    ].map(([text, title, act]) => {
      const button = h("button", { type: "button", class: "button", title }, text);
      button.addEventListener("click", act);
      return button;
    });
    parent.append(this.said, h("div", { class: "buttons", role: "group", "aria-label": name }, ...this.buttons));
    parent.hidden = true;
  }

  /** The cursor to ask with, null for the first page: where another one leads from another query. */
  after(query) {
    if (query !== this.query) this.restart(query);
    return this.cursor;
  }

  /** Of `total` rows, these many are on show; `next` is the cursor of those after them, or null. */
  show(rows, total, next) {
    // The list became shorter than where somebody was.
    if (rows === 0 && this.before.length > 0) {
      this.restart(this.query);
      this.onTurn();
      return;
    }
    this.rows = rows;
    this.next = next;
    const first = this.before.reduce((sum, page) => sum + page.rows, 0);
    this.parent.hidden = rows >= total && this.before.length === 0;
    setText(this.said, `Rows ${count(first + 1)} to ${count(first + rows)} of ${count(total)}, in order of their labels.`);
    const can = [this.before.length > 0, next !== null];
    // One that is disabled would lose the focus.
    this.buttons.forEach((button, i) => button.setAttribute("aria-disabled", String(!can[i])));
  }

  further() {
    if (this.next === null) return false;
    this.before.push({ cursor: this.cursor, rows: this.rows });
    this.cursor = this.next;
    return this.turn();
  }

  back() {
    const page = this.before.pop();
    if (page === undefined) return false;
    this.cursor = page.cursor;
    return this.turn();
  }

  turn() {
    this.next = null; // until that page has come
    this.onTurn();
    return true;
  }

  restart(query) {
    this.query = query;
    this.before = [];
    this.cursor = null;
    this.next = null;
  }
}
