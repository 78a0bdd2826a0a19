// A form in which somebody writes: what is in it is never lost. Refreshes leave it alone, and what was
// not sent is kept as a draft of this tab.

import { readDraft, writeDraft } from "./drafts.js";
import { h, setText } from "./dom.js";
import { tellProblem } from "./fields.js";

export class Written {
  /**
   * `read()` gives what is written as a value, null where that is nothing to be kept; `write(value)` puts
   * one in; `submit()` sends it, and its answer is what is told then.
   */
  constructor({ form, fields, said, read, write, submit }) {
    Object.assign(this, { form, fields, said, read, write, submit });
    this.key = "";
    this.sending = false;
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => this.keep());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
  }

  /** What was written under this key before comes back; whether there was anything. */
  restore(key) {
    this.key = key;
    const draft = readDraft(key);
    if (draft !== null) this.write(draft);
    return draft !== null;
  }

  keep() {
    if (this.key !== "") writeDraft(this.key, this.read());
  }

  async send() {
    if (this.sending) return; // a button that is disabled would lose the focus
    this.sending = true;
    setText(this.said, "Sending.");
    try {
      const told = await this.submit();
      tellProblem(this.fields(), this.said, null);
      setText(this.said, told);
      this.keep(); // what was written on meanwhile
    } catch (problem) {
      tellProblem(this.fields(), this.said, problem);
    } finally {
      this.sending = false;
    }
  }
}

/** The line under a form in which it tells what became of it. */
export const saidLine = () => h("p", { class: "aside", role: "status" });
