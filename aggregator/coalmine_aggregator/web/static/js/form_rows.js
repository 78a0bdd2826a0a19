// Rows of a form of which there may be several, each of a few inputs: people, factors, actions.

import { h, setAttribute, setText } from "./dom.js";

const MOST = 50;

export class FormRows {
  /**
   * `inputs()` makes a row's inputs by name, `add` says what another one is called. The value is a list of
   * objects; rows in which nothing was written are left out of it.
   */
  constructor(name, legend, add, inputs) {
    Object.assign(this, { name, inputs, noun: add });
    this.rows = [];
    this.blamed = null;
    this.list = h("div", { class: "rows" });
    this.wrong = h("p", { class: "wrong", role: "alert", hidden: "" });
    this.add = h("button", { type: "button", class: "button" }, `Add ${add}`);
    this.add.addEventListener("click", () => {
      this.append({}).first.focus();
      this.limit();
    });
    this.root = h("fieldset", { class: "group" }, h("legend", {}, legend), this.list, this.wrong, this.add);
  }

  /** Where the focus goes when something is wrong with it. */
  get input() {
    return this.blamed ?? this.rows[0]?.first ?? this.add;
  }

  append(value) {
    const inputs = this.inputs();
    for (const [key, input] of Object.entries(inputs)) {
      if (input.type === "checkbox") input.checked = value[key] ?? false;
      else input.value = value[key] ?? "";
    }
    const remove = h("button", { type: "button", class: "button", "aria-label": `Remove this ${this.noun.replace(/^an? /, "")}` }, "\u00d7");
    const shown = Object.values(inputs).map((input) => (input.type === "checkbox" ? h("label", { class: "check" }, input, "done") : input));
    const root = h("div", { class: "row", "data-kind": this.name }, ...shown, remove);
    const row = { root, inputs, first: Object.values(inputs)[0] };
    remove.addEventListener("click", () => this.remove(row));
    this.rows.push(row);
    this.list.append(root);
    return row;
  }

  remove(row) {
    const at = this.rows.indexOf(row);
    this.rows.splice(at, 1);
    row.root.remove();
    this.limit();
    (this.rows[Math.min(at, this.rows.length - 1)]?.first ?? this.add).focus();
    this.add.dispatchEvent(new Event("input", { bubbles: true })); // what is written is another now
  }

  limit() {
    this.add.hidden = this.rows.length >= MOST;
  }

  /** The rows in which something was written: what is sent. */
  get written() {
    return this.rows.filter(({ inputs }) => Object.values(inputs).some((input) => input.type !== "checkbox" && input.value.trim() !== ""));
  }

  get value() {
    return this.written.map(({ inputs }) => Object.fromEntries(Object.entries(inputs).map(([key, input]) => [key, input.type === "checkbox" ? input.checked : input.value])));
  }

  set value(values) {
    if (JSON.stringify(values) === JSON.stringify(this.value)) return;
    this.rows = [];
    this.list.replaceChildren();
    values.forEach((value) => this.append(value));
    this.limit();
  }

  /** `path` is what the API calls the one that is to blame, as `actions[2].owner`. */
  blame(text, path) {
    setText(this.wrong, text);
    this.wrong.hidden = text === "";
    const [, row, key] = /\[(\d+)\](?:\.(\w+))?$/.exec(path) ?? [];
    const inputs = this.written[row]?.inputs ?? {};
    this.blamed = inputs[key] ?? Object.values(inputs)[0] ?? null;
    for (const each of this.rows) {
      for (const input of Object.values(each.inputs)) setAttribute(input, "aria-invalid", input === this.blamed ? "true" : null);
    }
  }
}
