// Fields of a form: each with its label, a hint, and what the API found wrong with it.

import { h, setAttribute, setText } from "./dom.js";

let made = 0;

/** One labelled input. `name` is what the API calls it. */
export class Field {
  constructor(name, label, input, { hint = "", kind = "" } = {}) {
    made += 1;
    const id = `field-${made}`;
    this.name = name;
    this.input = input;
    this.wrong = h("p", { class: "wrong", id: `${id}-wrong`, hidden: "" });
    setAttribute(input, "id", id);
    setAttribute(input, "aria-describedby", `${id}-hint ${id}-wrong`);
    this.hint = h("p", { class: "hint", id: `${id}-hint` });
    this.root = h("div", { class: `field ${kind}`.trim() }, h("label", { for: id }, label), input, this.hint, this.wrong);
    this.advise(hint);
  }

  /** The hint beneath it; empty: none. */
  advise(text) {
    setText(this.hint, text);
    this.hint.hidden = text === "";
  }

  get value() {
    return this.input.value;
  }

  set value(text) {
    if (this.input.value !== text) this.input.value = text;
  }

  /** What is wrong with it; empty: nothing. */
  blame(text) {
    setText(this.wrong, text);
    this.wrong.hidden = text === "";
    setAttribute(this.input, "aria-invalid", text === "" ? null : "true");
  }
}

export const line = (attributes = {}) => h("input", { autocomplete: "off", ...attributes });

export const area = (attributes = {}) => h("textarea", { rows: "3", ...attributes });

/**
 * Tells a problem at the field that is to blame, and gives that the focus; in the line `said` where it is
 * none of them. Without a problem whatever was told goes away.
 */
export function tellProblem(fields, said, problem) {
  const blamed = problem === null ? undefined : fields.find(({ name }) => name !== "" && isOf(problem.parameter ?? "", name));
  for (const field of fields) {
    if (field === blamed) field.blame(problem.message, problem.parameter);
    else field.blame("", "");
  }
  setText(said, problem === null || blamed !== undefined ? "" : `Not done: ${problem.message}`);
  blamed?.input.focus();
}

/** Whether a path of the API, as `people[3].name`, is of this field. */
const isOf = (path, name) => path === name || path.startsWith(`${name}.`) || path.startsWith(`${name}[`);
