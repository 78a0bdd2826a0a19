// Incidents that go on, each with what somebody who comes to it wants to know first.

import { showDue } from "./due.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { StateMark } from "./incident_states.js";
import { addressOf, lengthOf, lostOf, publicOf } from "./incident_words.js";
import { both, duration, moment } from "./times.js";

export class OpenIncidents {
  constructor(parent) {
    this.parent = parent;
    const cards = h("div", { class: "cards" });
    parent.append(cards);
    this.keyed = new Keyed(cards, card);
  }

  show(incidents, now) {
    this.parent.hidden = incidents.length === 0;
    this.keyed.show(incidents.map((incident) => ({ incident, now })), ({ incident }) => incident.number);
  }
}

/** A name with what is told under it; not there while there is nothing. */
function figure(name) {
  const value = h("dd");
  const root = h("div", {}, h("dt", {}, name), value);
  const say = (text) => {
    setText(value, text);
    root.hidden = text === "";
  };
  return { root, say };
}

function card() {
  const mark = new StateMark();
  const link = h("a");
  const severity = h("span", { class: "severity" });
  const age = h("span", { class: "aside" });
  const due = h("p", { hidden: "" });
  const [lost, taken, service, seen] = ["Lost", "Acknowledged", "Service", "Customers"].map(figure);
  const root = h(
    "article",
    { class: "incident" },
    h("header", {}, mark.root, h("h2", {}, link), severity, age),
    h("dl", { class: "figures" }, lost.root, taken.root, service.root, seen.root),
    due,
  );
  const update = ({ incident, now }) => {
    mark.show(incident.state);
    setAttribute(root, "data-state", incident.state);
    setAttribute(link, "href", addressOf(incident.number));
    setText(link, `${incident.number}: ${incident.title}`);
    setText(severity, incident.severity);
    setText(age, `since ${moment(incident.since, now)}, ${duration(lengthOf(incident, now))}`);
    setAttribute(age, "title", both(incident.since));
    lost.say(lostOf(incident));
    taken.say(incident.acknowledged_at === null ? "by nobody yet" : `${moment(incident.acknowledged_at, now)}, by ${incident.acknowledged_by}`);
    service.say(incident.service);
    seen.say(publicOf(incident));
    showDue(due, incident, now);
  };
  return { root, update };
}
