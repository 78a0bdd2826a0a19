// What is seldom done to an incident: another title, going on after all, becoming part of another.

import { h } from "./dom.js";
import { area, Field, line } from "./fields.js";
import { isOpen } from "./incident_states.js";
import { addressOf } from "./incident_words.js";
import { send } from "./respond.js";
import { saidLine, Written } from "./written.js";

export class MoreActs {
  constructor(parent, { address, done }) {
    this.address = address;
    this.done = done;
    this.title = new Field("title", "Title", line({ maxlength: "200", required: "" }));
    this.why = new Field("text", "Why it goes on", area({ maxlength: "10000" }));
    this.into = new Field("into", "Number of the incident that it is part of", line({ inputmode: "numeric", pattern: "[0-9]{1,9}", required: "" }), { hint: "That one takes over what it affected. This cannot be taken back." });
    this.reopen = this.fold("reopen", "Reopen it", this.why, "Reopen", async (text) => {
      await this.send("reopen", { text });
      this.why.value = "";
      return "It goes on.";
    });
    this.rename = this.fold("rename", "Another title", this.title, "Use this title", async (title) => {
      this.titled = (await this.send("title", { title })).incident.title;
      return "Renamed.";
    });
    this.merge = this.fold("merge", "Merge it into another", this.into, "Merge", async (into) => {
      await this.send("merge", { into: Number(into) });
      this.into.value = "";
      location.assign(addressOf(into));
      return "Merged.";
    });
    parent.append(this.reopen.root, this.rename.root, this.merge.root);
  }

  /** One act, folded away until it is wanted: a field, and the button that sends it. */
  fold(name, legend, field, act, submit) {
    const said = saidLine();
    const form = h("form", { class: "form", "aria-label": legend }, field.root, h("div", { class: "acts" }, h("button", { class: "button" }, act), said));
    const written = new Written({
      form,
      said,
      fields: () => [field],
      read: () => (field.value === (field === this.title ? this.titled : "") ? null : field.value),
      write: (text) => (field.value = text),
      submit: () => submit(field.value),
    });
    const root = h("details", { class: "fold" }, h("summary", {}, legend), form);
    return { root, restore: (number) => written.key === "" && written.restore(`${name}.${number}`) && (root.open = true) };
  }

  show(incident) {
    this.reopen.root.hidden = isOpen(incident);
    // The field follows what others do, but for what somebody writes in it.
    if (this.titled === undefined || this.title.value === this.titled) this.title.value = incident.title;
    this.titled = incident.title;
    for (const { restore } of [this.reopen, this.rename, this.merge]) restore(incident.number);
  }

  async send(act, body) {
    const answer = await send(`${this.address}/${act}`, body);
    this.done();
    return answer;
  }
}
