// Opening an incident by hand: of what no alert has seen.

import { area, Field, line } from "./fields.js";
import { h } from "./dom.js";
import { addressOf } from "./incident_words.js";
import { send } from "./respond.js";
import { saidLine, Written } from "./written.js";

/** `region=eu-west-1, protocol=udp` as an object. */
const labelsOf = (text) =>
  Object.fromEntries(
    text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map((pair) => [pair.split("=")[0], pair.slice(pair.indexOf("=") + 1)]),
  );

export class OpeningForm {
  constructor(parent) {
    this.title = new Field("title", "What is wrong", line({ required: "", maxlength: "200" }));
    this.service = new Field("service", "Service", line({ required: "", maxlength: "255" }));
    this.labels = new Field("labels", "Labels of what is hit", line({ placeholder: "protocol=udp, region=eu-west-1" }));
    this.text = new Field("text", "For those who work on it", area({ maxlength: "10000" }));
    this.public = new Field("public", "For customers", area({ maxlength: "10000" }), { hint: "They read it once somebody publishes it.", kind: "public-field" });
    const all = [this.title, this.service, this.labels, this.text, this.public];
    const said = saidLine();
    const form = h(
      "form",
      { class: "form", "aria-label": "Open an incident" },
      this.title.root,
      h("div", { class: "fields" }, this.service.root, this.labels.root),
      h("div", { class: "fields" }, this.text.root, this.public.root),
      h("div", { class: "acts" }, h("button", { class: "button primary" }, "Open it"), said),
    );
    parent.append(form);
    this.fold = parent.parentElement;
    this.written = new Written({
      form,
      said,
      fields: () => all,
      read: () => (all.some(({ value }) => value !== "") ? all.map(({ value }) => value) : null),
      write: (values) => all.forEach((field, index) => (field.value = values[index] ?? "")),
      submit: () => this.submit(),
    });
  }

  /** What was written and not sent comes back. */
  restore() {
    if (this.written.restore("opening")) this.fold.open = true;
  }

  async submit() {
    const { incident } = await send("/api/v1/incidents", {
      title: this.title.value,
      service: this.service.value,
      labels: labelsOf(this.labels.value),
      text: this.text.value,
      public: this.public.value,
    });
    for (const field of this.written.fields()) field.value = "";
    location.assign(addressOf(incident.number));
    return `It is incident ${incident.number}.`;
  }
}
