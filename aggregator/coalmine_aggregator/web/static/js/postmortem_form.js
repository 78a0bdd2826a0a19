// Writing a post-mortem. Somebody else may write one meanwhile: then it is said, and neither is lost.

import { ask } from "./asking.js";
import { h, setText } from "./dom.js";
import { area, Field, line } from "./fields.js";
import { FormRows } from "./form_rows.js";
import { send } from "./respond.js";
import { saidLine, Written } from "./written.js";

const text = (label, most, more = {}) => line({ "aria-label": label, placeholder: label, maxlength: most, ...more });
const words = (name, label, kind, hint = "") => new Field(name, label, area({ maxlength: "10000" }), { kind, hint });

export class PostmortemForm {
  constructor({ address, done }) {
    this.address = address;
    this.done = done;
    this.parts = [
      words("summary", "Summary", ""),
      new FormRows("people", "People", "a person", () => ({ name: text("Name", "1000"), role: text("Role", "1000") })),
      new FormRows("factors", "What contributed", "a factor", () => ({ what: text("What contributed", "1000") })),
      new FormRows("actions", "What is to be done", "an action", () => ({
        what: text("What is to be done", "1000"),
        owner: text("Owner", "1000"),
        due: text("Due", "10", { type: "date" }),
        is_done: h("input", { type: "checkbox" }),
      })),
      words("cause", "What caused it", "public-field"),
      words("affected", "Who was affected", "public-field"),
      words("resolution", "How it was resolved", "public-field"),
    ];
    const [summary, people, factors, actions, ...told] = this.parts.map(({ root }) => root);
    this.meanwhile = h("p", { class: "wrong", role: "status", hidden: "" });
    this.theirs = h("button", { type: "button", class: "button", hidden: "" }, "Take theirs");
    this.theirs.addEventListener("click", () => this.take());
    this.mine = h("button", { type: "button", class: "button", hidden: "" }, "Put mine in its place");
    this.mine.addEventListener("click", () => this.insist());
    this.drop = h("button", { type: "button", class: "button", hidden: "" }, "Discard what is not saved");
    this.drop.addEventListener("click", () => this.take());
    const said = saidLine();
    this.root = h(
      "form",
      { class: "form", "aria-label": "Post-mortem" },
      summary,
      people,
      factors,
      actions,
      h("h3", {}, "For customers"),
      h("div", { class: "fields" }, ...told),
      this.meanwhile,
      h("div", { class: "acts" }, h("button", { class: "button primary" }, "Save the post-mortem"), this.theirs, this.mine, this.drop, said),
    );
    this.base = null; // what the form was filled with: a value and its version
    this.newest = null;
    this.written = new Written({
      form: this.root,
      said,
      fields: () => this.parts,
      read: () => this.draft(),
      write: ({ base, value }) => {
        this.base = base;
        this.value = value;
      },
      submit: () => this.submit(),
    });
    this.root.addEventListener("input", () => this.mark());
  }

  get value() {
    const value = Object.fromEntries(this.parts.map((part) => [part.name, part.value]));
    return { ...value, factors: value.factors.map(({ what }) => what) };
  }

  set value(value) {
    for (const part of this.parts) part.value = part.name === "factors" ? value.factors.map((what) => ({ what })) : value[part.name];
  }

  get isChanged() {
    return this.base !== null && JSON.stringify(this.value) !== this.base.text;
  }

  draft() {
    return this.isChanged ? { base: this.base, value: this.value } : null;
  }

  /** Shows what is kept, unless somebody writes; whether a draft came back. */
  show({ number }, { version, ...value }) {
    this.newest = { version, value };
    const isBack = this.written.key === "" && this.written.restore(`postmortem.${number}`);
    if (!this.isChanged) this.take();
    this.mark();
    return isBack;
  }

  /** What is kept takes the place of what is written. */
  take() {
    const { version, value } = this.newest;
    this.value = value;
    this.base = { version, text: JSON.stringify(this.value) };
    this.written.keep();
    this.mark();
  }

  /** What somebody else saved may be replaced: whoever writes has seen that there is such a thing. */
  insist() {
    this.base = { ...this.base, version: this.newest.version };
    this.written.send();
  }

  /** Says whether something is not saved, and whether somebody else wrote meanwhile. */
  mark() {
    const isChanged = this.isChanged;
    const isOther = isChanged && this.newest !== null && this.newest.version !== this.base.version;
    this.drop.hidden = !isChanged || isOther;
    for (const each of [this.meanwhile, this.theirs, this.mine]) each.hidden = !isOther;
    setText(this.meanwhile, isOther ? "Somebody else saved another post-mortem meanwhile; what you have written is still here." : "");
  }

  async submit() {
    const { value, base } = this;
    const { incident } = await send(`${this.address}/postmortem`, { ...value, replaces: base.version });
    const { postmortem } = await ask(this.address, { limit: 1 });
    this.base = { version: postmortem.version, text: JSON.stringify(value) };
    this.newest = { ...this.newest, version: postmortem.version };
    this.mark();
    this.done();
    return incident.state === "postmortem" ? "Saved." : "Saved; it is done once the incident is resolved.";
  }
}
