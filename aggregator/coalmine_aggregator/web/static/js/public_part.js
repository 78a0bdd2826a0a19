// What customers read of an incident, or would: as the status page has it, and with what is being written.

import { Keyed, h, setAttribute, setText } from "./dom.js";
import { Field, line } from "./fields.js";
import { StateMark, stateText } from "./incident_states.js";
import { count, percent } from "./numbers.js";
import { send } from "./respond.js";
import { both, moment } from "./times.js";
import { saidLine, Written } from "./written.js";

export class PublicPart {
  constructor(parent, { address, done }) {
    this.address = address;
    this.done = done;
    this.standing = h("p");
    this.publish = this.button("Publish", "publish");
    this.withhold = this.button("Withhold", "withhold");
    this.said = saidLine();
    this.name = h("h3");
    this.mark = new StateMark();
    this.draftText = h("p", { class: "words" });
    this.draftBox = h("div", { class: "said-to", "data-draft": "", hidden: "" }, h("h4", {}, "what is being written, not posted yet"), this.draftText);
    this.none = h("p", { class: "aside" }, "Nothing was written for customers yet.");
    const updates = h("div", { class: "form" });
    this.updates = new Keyed(updates, told);
    this.facts = h("div", { class: "form" });
    this.preview = h("div", { class: "preview" }, h("div", { class: "acts" }, this.name, this.mark.root), this.draftBox, updates, this.none, this.facts);
    parent.append(h("div", { class: "standing" }, this.standing, this.publish, this.withhold), this.said, this.preview, this.renaming());
    this.record = null;
  }

  button(text, act) {
    const button = h("button", { type: "button", class: "button", hidden: "" }, text);
    button.addEventListener("click", () => this.press(act));
    return button;
  }

  renaming() {
    this.title = new Field("public_title", "Title for customers", line({ maxlength: "200" }), { hint: "Left empty, it is made of the components that are hit.", kind: "public-field" });
    const said = saidLine();
    const form = h("form", { class: "form", "aria-label": "Title for customers" }, this.title.root, h("div", { class: "acts" }, h("button", { class: "button" }, "Use this title"), said));
    this.fold = h("details", { class: "fold", hidden: "" }, h("summary", {}, "Another title for customers"), form);
    this.written = new Written({
      form,
      said,
      fields: () => [this.title],
      read: () => (this.title.value === this.titled ? null : this.title.value),
      write: (text) => (this.title.value = text),
      submit: async () => {
        const { incident } = await send(`${this.address}/title`, { public_title: this.title.value });
        this.titled = incident.public_title;
        this.done();
        return "Renamed.";
      },
    });
    return this.fold;
  }

  /** `may` says whether whoever looks may `respond`, and `operate`: publish. */
  show({ incident, public: record }, may) {
    this.record = record;
    setText(this.standing, standingOf(incident, record));
    const canBe = record !== null || incident.publication === "withheld";
    this.publish.hidden = !may.operate || !canBe || (incident.publication === "published" && !incident.awaiting_approval);
    this.withhold.hidden = !may.operate || !canBe || incident.publication === "withheld";
    this.preview.hidden = record === null;
    this.fold.hidden = !may.respond || record === null;
    setAttribute(this.preview, "data-seen", incident.is_public ? "yes" : "no");
    this.keepTitle(incident);
    if (record === null) return;
    setText(this.name, record.name);
    this.mark.show(record.state);
    this.none.hidden = record.updates.length > 0;
    this.facts.replaceChildren(...factsOf(record));
    this.facts.hidden = this.facts.childElementCount === 0;
  }

  /** The field follows what others do, but for what somebody writes in it. */
  keepTitle({ number, public_title: title }) {
    if (this.titled === undefined || this.title.value === this.titled) this.title.value = title;
    this.titled = title;
    if (this.written.key === "") this.fold.open = this.written.restore(`title.${number}`);
  }

  tick(now) {
    const updates = this.record?.updates ?? [];
    this.updates.show(updates.map((each, index) => ({ ...each, now, nth: updates.length - index })), ({ nth }) => nth);
  }

  draft(text) {
    setText(this.draftText, text);
    this.draftBox.hidden = text.trim() === "";
  }

  async press(act) {
    try {
      await send(`${this.address}/${act}`, {});
      setText(this.said, act === "publish" ? "Published." : "Withheld.");
      this.done();
    } catch (problem) {
      setText(this.said, `Not done: ${problem.message}`);
    }
  }
}

/** Who sees it, and by which components. */
function standingOf(incident, record) {
  const { public_components: shown, held_components: held } = incident;
  if (incident.awaiting_approval === null) return "No status page is configured here: nobody outside reads of it.";
  if (incident.publication === "withheld") return "Withheld: customers see it nowhere.";
  if (record === null) return "It is of nothing that customers see.";
  const parts = [];
  if (shown.length > 0) parts.push(`Customers see it on ${shown.join(", ")}.`);
  if (held.length > 0) parts.push(`It waits for approval on ${held.join(", ")}.`);
  return parts.join(" ") || "Customers do not see it.";
}

function told() {
  const head = h("h4");
  const body = h("p", { class: "words" });
  const root = h("div", { class: "said-to" }, head, body);
  const update = (each) => {
    setText(head, `${stateText(each.state)}, ${moment(each.at, each.now)}`);
    setAttribute(head, "title", both(each.at));
    setText(body, each.body);
  };
  return { root, update };
}

function factsOf({ impacts, cause, affected, resolution }) {
  const parts = [
    ["What caused it", cause],
    ["Who was affected", affected],
    ["How it was resolved", resolution],
  ].filter(([, text]) => text !== "");
  const lost = impacts.filter(({ judged }) => judged > 0).map(({ component, bad, judged }) => h("p", {}, h("bdi", {}, component), `: ${count(bad)} of ${count(judged)} lost (${percent(bad / judged)})`));
  const told = parts.map(([name, text]) => h("div", { class: "said-to" }, h("h4", {}, name), h("p", { class: "words" }, text)));
  return lost.length > 0 ? [...told, h("div", { class: "said-to" }, h("h4", {}, "Impact"), ...lost)] : told;
}
