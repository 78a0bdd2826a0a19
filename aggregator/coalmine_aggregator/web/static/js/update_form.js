// Saying how an incident stands: its state, a text for those who work on it, one for customers.

import { Choice } from "./choices.js";
import { h } from "./dom.js";
import { area, Field } from "./fields.js";
import { isOpen, OPEN_STATES, stateText } from "./incident_states.js";
import { send } from "./respond.js";
import { saidLine, Written } from "./written.js";

const MOST = "10000";

export class UpdateForm {
  /** `onDraft(text)` is told what is written for customers, as it is written. */
  constructor(parent, { address, done }, onDraft) {
    this.address = address;
    this.done = done;
    this.onDraft = onDraft;
    this.chosen = null; // a state that somebody chose: it stays chosen while others move it
    this.state = new Choice("state", "State", (state) => {
      this.chosen = state;
    });
    this.text = new Field("text", "For those who work on it", area({ maxlength: MOST }));
    this.public = new Field("public", "For customers", area({ maxlength: MOST }), { kind: "public-field" });
    const said = saidLine();
    const form = h("form", { class: "form", "aria-label": "Say how it stands" }, this.state.root, this.text.root, this.public.root, h("div", { class: "acts" }, h("button", { class: "button primary" }, "Post the update"), said));
    parent.append(form);
    this.public.input.addEventListener("input", () => onDraft(this.public.value));
    this.written = new Written({
      form,
      said,
      fields: () => [this.text, this.public],
      read: () => (this.text.value || this.public.value || this.chosen !== null ? { text: this.text.value, public: this.public.value, state: this.chosen } : null),
      write: ({ text, public: told, state }) => {
        this.text.value = text;
        this.public.value = told;
        this.chosen = state;
        onDraft(told);
      },
      submit: () => this.submit(),
    });
  }

  focus() {
    this.text.input.focus();
  }

  show(incident, canRespond) {
    if (!canRespond) return;
    this.incident = incident;
    const states = isOpen(incident) ? [...OPEN_STATES, "resolved"] : [incident.state];
    this.state.show(states.map((state) => [state, stateText(state)]), incident.state);
    this.state.root.hidden = states.length < 2;
    if (this.written.key === "") this.written.restore(`update.${incident.number}`);
    if (!states.includes(this.chosen)) this.chosen = null;
    this.state.choose(this.chosen ?? incident.state);
    this.public.advise(hintOf(incident));
  }

  async submit() {
    const { state } = this.state.value === this.incident.state ? { state: null } : { state: this.state.value };
    const sent = { state, text: this.text.value, public: this.public.value };
    await send(`${this.address}/update`, sent);
    // What was written on meanwhile stays.
    for (const field of [this.text, this.public]) if (field.value === sent[field.name]) field.value = "";
    this.chosen = null;
    this.onDraft(this.public.value);
    this.done();
    return sent.public === "" ? "Posted." : `Posted. ${hintOf(this.incident)}`;
  }
}

/** Who reads what is written for customers, and when. */
function hintOf({ publication, is_public: isPublic, awaiting_approval: awaits }) {
  if (awaits === null) return "No status page is configured here; it is kept with the incident.";
  if (publication === "withheld") return "The incident is withheld: nobody reads it while it is.";
  if (isPublic) return "Customers read it at once.";
  return "Customers read it once the incident is published.";
}
