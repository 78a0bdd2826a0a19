// What is seldom done to an incident: another title, going on after all, becoming part of another.

import { h, setText } from "./dom.js";
import { Field, line } from "./fields.js";
import { isOpen } from "./incident_states.js";
import { addressOf } from "./incident_words.js";
import { send } from "./respond.js";
import { saidLine, Written } from "./written.js";

export class MoreActs {
  constructor(parent, { address, done }) {
    this.address = address;
    this.done = done;
    this.title = new Field("title", "Title", line({ maxlength: "200", required: "" }));
    this.into = new Field("into", "Number of the incident that it is part of", line({ inputmode: "numeric", pattern: "[0-9]{1,9}", required: "" }), { hint: "That one takes over what it affected. This cannot be taken back." });
    this.rename = this.fold("Another title", this.title, "Use this title", () => this.send("title", { title: this.title.value }, "Renamed."));
    this.merge = this.fold("Merge it into another", this.into, "Merge", async () => {
      const into = Number(this.into.value);
      await send(`${this.address}/merge`, { into });
      location.assign(addressOf(into));
      return "Merged.";
    });
    this.reopen = h("button", { type: "button", class: "button", hidden: "" }, "Reopen it");
    this.said = saidLine();
    this.reopen.addEventListener("click", () => this.press());
    parent.append(h("p", { class: "acts" }, this.reopen, this.said), this.rename.root, this.merge.root);
  }

  fold(name, field, act, submit) {
    const said = saidLine();
    const form = h("form", { class: "form", "aria-label": name }, field.root, h("div", { class: "acts" }, h("button", { class: "button" }, act), said));
    const written = new Written({ form, said, fields: () => [field], read: () => null, write: () => {}, submit });
    return { root: h("details", { class: "fold" }, h("summary", {}, name), form), written };
  }

  show(incident) {
    this.reopen.hidden = isOpen(incident);
    if (!this.rename.root.open) this.title.value = incident.title;
  }

  async send(act, body, told) {
    await send(`${this.address}/${act}`, body);
    this.done();
    return told;
  }

  async press() {
    try {
      setText(this.said, await this.send("reopen", {}, "It goes on."));
    } catch (problem) {
      setText(this.said, `Not done: ${problem.message}`);
    }
  }
}
