// Before remediation is overruled: what that does, why it is done, and a second click.

import { h, setText } from "./dom.js";
import { area, Field, tellProblem } from "./fields.js";
import { saidLine } from "./written.js";

export class Sure {
  constructor(dialog) {
    this.dialog = dialog;
    this.title = h("h2", { id: "sure-title" });
    this.what = h("p");
    this.why = new Field("why", "Why", area({ maxlength: "400", rows: "2" }), { hint: "The others read it, and the log keeps it." });
    this.said = saidLine();
    this.act = h("button", { class: "button primary" });
    const cancel = h("button", { type: "button", class: "button" }, "Cancel");
    const form = h("form", { class: "form", "aria-labelledby": "sure-title" }, this.what, this.why.root, h("div", { class: "acts" }, this.act, cancel), this.said);
    dialog.append(this.title, form);
    cancel.addEventListener("click", () => dialog.close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.sending = false;
  }

  /** `submit(why)` sends it; `needsWhy` says whether a reason is asked for. */
  ask({ title, what, act, needsWhy, submit }) {
    Object.assign(this, { submit, needsWhy });
    setText(this.title, title);
    setText(this.what, what);
    setText(this.act, act);
    this.why.root.hidden = !needsWhy;
    this.why.value = "";
    tellProblem([this.why], this.said, null);
    this.dialog.showModal();
    (needsWhy ? this.why.input : this.act).focus();
  }

  async send() {
    if (this.sending) return;
    const why = this.why.value.trim();
    if (this.needsWhy && why === "") {
      this.why.blame("Say why: whoever comes next must know.");
      this.why.input.focus();
      return;
    }
    this.sending = true;
    setText(this.said, "Sending.");
    try {
      await this.submit(why);
      this.dialog.close();
    } catch (problem) {
      tellProblem([this.why], this.said, problem);
    } finally {
      this.sending = false;
    }
  }
}
