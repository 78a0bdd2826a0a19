// Open alerts, laid out as assess, blast radius, compensate.

import { Acknowledge } from "./acknowledge.js";
import { besideOf, causeOf, fatesOf, figureOf, noteOf, reachOf, sameAs, serviceName, titleOf, totalOf } from "./alert_words.js";
import { Keyed, h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { addressOf } from "./incident_words.js";
import { count, plural } from "./numbers.js";
import { inUtc } from "./preferences.js";
import { both, duration, iso, moment } from "./times.js";
import { Why } from "./why.js";

const FEW = 4; // that are listed at once

/** A link only where it is one that a browser may follow. */
export function link(address, text) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return null;
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, text);
}

/** Makes a link lead to the second in which the alert was opened. */
export function toMoment(element, { opened_at: openedAt }) {
  const at = Math.ceil(openedAt);
  setAttribute(element, "href", `/?at=${iso(at)}`);
  setAttribute(element, "data-at", at);
}

/** Makes a link lead to where the alert is. */
function toScope(element, { service, scope }) {
  const labels = { service, ...scope };
  setAttribute(element, "href", `/?${new URLSearchParams(labels)}`);
  setAttribute(element, "data-labels", JSON.stringify(labels));
}

export function scopeChips(alert) {
  const pairs = Object.entries(alert.scope);
  if (pairs.length === 0) return [h("span", { class: "tag" }, `all of ${serviceName(alert.service)}`)];
  return pairs.map(([label, value]) =>
    h("span", { class: "tag" }, h("span", { class: "tag-label" }, label), " ", value),
  );
}

/** The worst one unfolded, the others a line each, so that the grid stays in sight. */
export class OpenAlerts {
  constructor(parent) {
    this.parent = parent;
    this.isWhole = false;
    this.cards = h("div", { class: "cards" });
    this.all = h("button", { type: "button", class: "button" });
    this.all.addEventListener("click", () => {
      this.isWhole = !this.isWhole;
      this.show(...this.shown);
    });
    this.more = h("p", { class: "aside" });
    parent.append(this.cards, this.all, this.more);
    this.keyed = new Keyed(this.cards, card);
  }

  /**
   * `canAct` says that whoever looks may acknowledge, and that this is no past moment; `incidentOf` gives
   * the number of the incident that an alert belongs to, or null.
   */
  show(alerts, total, now, canAct, incidentOf) {
    this.shown = [alerts, total, now, canAct, incidentOf];
    this.parent.hidden = alerts.length === 0;
    const listed = this.isWhole ? alerts : alerts.slice(0, FEW);
    this.keyed.show(
      listed.map((alert, index) => ({ alert, now, canAct, incident: incidentOf(alert.number), isWorst: index === 0, isAlone: alerts.length === 1 })),
      ({ alert }) => alert.number,
    );
    this.all.hidden = alerts.length <= FEW;
    setText(this.all, this.isWhole ? "Only the worst" : `${plural(alerts.length - FEW, "more open alert")}`);
    setText(this.more, total > alerts.length ? `${count(total - alerts.length)} more are open.` : "");
  }
}

/** A line that is not there while it has nothing to say. */
function line() {
  const element = h("p", { hidden: "" });
  const say = (text) => {
    setText(element, text);
    element.hidden = text === "";
  };
  return { element, say };
}

function card({ alert }) {
  const mark = icon("down");
  const title = h("h2");
  const severity = h("span", { class: "severity" });
  const id = h("span", { class: "id" });
  const incidentLink = h("a", { class: "id", hidden: "" });
  const told = h("span", { class: "told" });
  const age = h("span", { class: "aside" });
  const fold = h("button", { type: "button", class: "fold-card" }, "Details");
  const headline = h("p", { class: "figure" });
  const [fates, total, note, same, beside, cause, reach] = Array.from({ length: 7 }, line);
  const scope = h("p", { class: "tags" });
  const steps = h("ol", { class: "steps" });
  const owner = h("p");
  const playbook = h("p");
  const began = h("a", {}, "The moment it was opened");
  const where = h("a", {}, "Show it in the grid");
  const why = new Why(alert.number);
  const acknowledge = new Acknowledge();
  const root = h(
    "article",
    { class: "alert" },
    h("header", {}, mark, title, severity, id, incidentLink, told, age, fold),
    h("div", { class: "assess" }, h("h3", {}, "Assess"), headline, fates.element, total.element),
    h("div", { class: "radius" }, h("h3", {}, "Blast radius"), scope, reach.element, same.element, cause.element, note.element, beside.element),
    h("div", { class: "compensate" }, h("h3", {}, "Compensate"), acknowledge.root, steps, playbook, owner, h("p", { class: "leads aside" }, where, began)),
    why.root,
  );
  let chosen = null; // by hand, which holds whatever comes
  let isOpen = true;
  const unfold = (open) => {
    isOpen = open;
    setAttribute(fold, "aria-expanded", String(open));
    setAttribute(root, "data-open", open ? "yes" : "no");
  };
  fold.addEventListener("click", () => {
    chosen = !isOpen;
    unfold(chosen);
  });
  let shown = "";
  const update = ({ alert, now, canAct, incident, isWorst, isAlone }) => {
    unfold(isAlone || (chosen ?? isWorst));
    fold.hidden = isAlone;
    told.hidden = isWorst; // the page's first line says it
    setText(age, `since ${moment(alert.since, now)}, ${duration(now - alert.since)}`);
    setAttribute(age, "title", both(alert.since));
    incidentLink.hidden = incident === null;
    if (incident !== null) {
      setAttribute(incidentLink, "href", addressOf(incident));
      setText(incidentLink, `incident ${incident}`);
    }
    const said = JSON.stringify([inUtc(), canAct, alert]);
    if (said === shown) return;
    shown = said;
    setText(title, titleOf(alert));
    setText(severity, alert.severity);
    setText(id, alert.id);
    setText(told, alert.headline);
    setAttribute(fold, "aria-label", `Details of ${alert.id}`);
    setAttribute(root, "data-severity", alert.severity);
    setIcon(mark, alert.severity === "page" ? "down" : "partial");
    setText(headline, figureOf(alert));
    fates.say(fatesOf(alert));
    total.say(totalOf(alert));
    scope.replaceChildren(...scopeChips(alert));
    toMoment(began, alert);
    toScope(where, alert);
    where.hidden = alert.service.startsWith("_");
    reach.say(reachOf(alert));
    same.say(sameAs(alert));
    cause.say(causeOf(alert));
    note.say(noteOf(alert));
    beside.say(besideOf(alert));
    steps.replaceChildren(...alert.steps.map((step) => h("li", {}, step)));
    steps.hidden = alert.steps.length === 0;
    setText(owner, alert.owner ? `Owner ${alert.owner}` : "No owner is set");
    playbook.replaceChildren(link(alert.playbook, "Open the playbook") ?? (alert.playbook || "No playbook is set"));
    acknowledge.update(alert, now, canAct);
    why.update(alert);
  };
  return { root, update };
}
