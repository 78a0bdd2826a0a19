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
  /** `now()` is the aggregator's time. */
  constructor(parent, now) {
    this.now = now;
    this.title = new Field("title", "What is wrong", line({ required: "", maxlength: "200" }));
    this.service = new Field("service", "Service", line({ required: "", maxlength: "255" }));
    this.scope = new Field("scopes", "Labels of what is hit", line({ placeholder: "protocol=udp, region=eu-west-1" }), { hint: "Left empty: all of the service." });
    this.ago = new Field("since", "Began, minutes ago", line({ type: "number", min: "0", max: "525600", step: "1", value: "0", required: "" }));
    this.text = new Field("text", "For those who work on it", area({ maxlength: "10000" }));
    this.public = new Field("public", "For customers", area({ maxlength: "10000" }), { hint: "They read it once somebody publishes it.", kind: "public-field" });
    const all = [this.title, this.service, this.scope, this.ago, this.text, this.public];
    const said = saidLine();
    const form = h(
      "form",
      { class: "form", "aria-label": "Open an incident" },
      this.title.root,
      h("div", { class: "fields" }, this.service.root, this.scope.root, this.ago.root),
      h("div", { class: "fields" }, this.text.root, this.public.root),
      h("div", { class: "acts" }, h("button", { class: "button primary" }, "Open it"), said),
    );
    parent.append(form);
    this.fold = parent.parentElement;
    this.written = new Written({
      form,
      said,
      fields: () => all,
      read: () => (all.some((field) => field.value !== field.input.defaultValue) ? all.map(({ value }) => value) : null),
      write: (values) => all.forEach((field, index) => (field.value = values[index] ?? field.value)),
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
      scopes: [labelsOf(this.scope.value)],
      since: Math.floor(this.now() - 60 * Number(this.ago.value)),
      text: this.text.value,
      public: this.public.value,
    });
    for (const field of this.written.fields()) field.value = field.input.defaultValue;
    location.assign(addressOf(incident.number));
    return `It is incident ${incident.number}.`;
  }
}
