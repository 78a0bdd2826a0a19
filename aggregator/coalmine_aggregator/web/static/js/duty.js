// On duty: who is on call, what is silenced, and the week. Asked for while it is unfolded.

import { ask } from "./asking.js";
import { h, setAttribute, setText } from "./dom.js";
import { percent } from "./numbers.js";
import { send } from "./respond.js";
import { duration, moment } from "./times.js";

const EVERY_MS = 15_000;

const table = (heads, rows) =>
  h(
    "table",
    { class: "list" },
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...rows.map((cells) => h("tr", {}, ...cells.map((cell) => h("td", {}, cell))))),
  );

const aside = (text) => h("p", { class: "aside" }, text);

const spread = (found) => (found === null ? "-" : `${duration(found.median_s)} (p90 ${duration(found.p90_s)})`);

const matchText = ({ service, class: classes, severity, location, labels }) =>
  [service.join(", ") || "all services", ...classes, ...severity, ...location, ...Object.entries(labels).map(([label, value]) => `${label} ${value}`)].join(", ");

const field = (label, input) => h("label", {}, h("span", {}, label), input);

export class Duty {
  constructor(fold, parent) {
    this.fold = fold;
    this.onCall = h("div");
    this.silences = h("div");
    this.week = h("div");
    this.said = h("p", { class: "aside", role: "status" });
    this.form = this.newForm();
    parent.append(h("h3", {}, "On call"), this.onCall, h("h3", {}, "Silences"), this.silences, this.form, this.said, h("h3", {}, "The last seven days"), this.week);
    this.canAct = false;
    fold.addEventListener("toggle", () => this.ask());
    setInterval(() => this.ask(), EVERY_MS);
  }

  /** `canAct` says that whoever looks may silence, and that this is no past moment. */
  show(canAct) {
    if (canAct === this.canAct) return;
    this.canAct = canAct;
    this.form.hidden = !canAct;
    this.ask();
  }

  newForm() {
    const service = h("input", { required: "", maxlength: "255", autocomplete: "off" });
    const labels = h("input", { placeholder: "region=us-*", autocomplete: "off" });
    const hours = h("input", { type: "number", min: "0.25", max: "720", step: "0.25", value: "2", required: "" });
    const why = h("input", { required: "", maxlength: "1000", autocomplete: "off" });
    const form = h(
      "form",
      { class: "silence", "aria-label": "Silence alerts", hidden: "" },
      field("Service", service),
      field("Labels", labels),
      field("Hours", hours),
      field("Why", why),
      h("button", { class: "button" }, "Silence"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const pairs = labels.value.split(/[\s,]+/).filter(Boolean).map((pair) => pair.split("="));
      this.change("/api/v1/silences", {
        match: { service: [service.value], labels: Object.fromEntries(pairs.map(([label, value]) => [label, value ?? ""])) },
        why: why.value,
        ends_at: Date.now() / 1000 + Number(hours.value) * 3600,
      });
    });
    return form;
  }

  async change(path, body) {
    try {
      const { silence, now } = await send(path, body);
      const held = `Silenced until ${moment(silence.ends_at, now)}; open alerts that it is about: ${silence.takes}.`;
      setText(this.said, silence.ended_at === null ? held : "That silence is over.");
    } catch (error) {
      setText(this.said, `Not done: ${error.message}`);
    }
    await this.ask();
  }

  async ask() {
    if (!this.fold.open || document.hidden) return;
    try {
      const [onCall, silences] = await Promise.all([ask("/api/v1/oncall"), ask("/api/v1/silences")]);
      this.showOnCall(onCall);
      this.showSilences(silences);
    } catch (error) {
      setText(this.said, `No answer: ${error.message}`);
      return;
    }
    try {
      this.showWeek(await ask("/api/v1/review", { last: "7d" }));
    } catch (error) {
      this.week.replaceChildren(aside(error.isAbsent ? "No history is kept here." : `No answer: ${error.message}`));
    }
  }

  showOnCall({ rotas, now }) {
    const rows = rotas.map(({ rota, person, until, following }) => [rota, person, until === null ? "-" : moment(until, now), following || "-"]);
    this.onCall.replaceChildren(rows.length > 0 ? table(["Rota", "On call", "Until", "Then"], rows) : aside("No rota is configured."));
  }

  showSilences({ silences, now }) {
    const focused = document.activeElement?.dataset?.silence;
    const rows = silences.map((each) => [
      matchText(each.match),
      each.state === "pending" ? `${moment(each.starts_at, now)} to ${moment(each.ends_at, now)}` : `until ${moment(each.ends_at, now)}`,
      `${each.who}: ${each.why}`,
      ...(this.canAct ? [this.endButton(each)] : []),
    ]);
    const heads = ["What", "When", "Who and why", ...(this.canAct ? ["End it"] : [])];
    this.silences.replaceChildren(rows.length > 0 ? table(heads, rows) : aside("Nothing is silenced."));
    if (focused) this.silences.querySelector(`[data-silence="${focused}"]`)?.focus();
  }

  endButton({ id, match }) {
    const button = h("button", { type: "button", class: "button", "data-silence": id }, "End");
    setAttribute(button, "aria-label", `End the silence of ${matchText(match)}`);
    button.addEventListener("click", () => this.change(`/api/v1/silences/${encodeURIComponent(id)}/end`, {}));
    return button;
  }

  showWeek({ rules, total }) {
    if (total.pages + total.held === 0) {
      this.week.replaceChildren(aside("No page."));
      return;
    }
    const row = (name, { pages, held, to_acknowledge: acknowledged, to_resolve: resolved, answered, actionable_share: share }) => [
      name,
      `${pages}${held > 0 ? `, ${held} held` : ""}`,
      spread(acknowledged),
      spread(resolved),
      share === null ? "-" : `${percent(share)} of ${answered}`,
    ];
    const rows = [...rules.map(({ service, class: name, numbers }) => row(`${service} ${name}`, numbers)), row("all", total)];
    this.week.replaceChildren(table(["Rule", "Pages", "Acknowledged in", "Resolved in", "Actionable"], rows));
  }
}
