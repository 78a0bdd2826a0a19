// The first lines of an incident: what it is, how it stands, and its times.

import { Keyed, h, setAttribute, setIcon, setText } from "./dom.js";
import { isOpen, StateMark } from "./incident_states.js";
import { addressOf, lengthOf, lostOf, statusOf, took } from "./incident_words.js";
import { both, duration, moment } from "./times.js";

export class IncidentHead {
  constructor({ headline, facts, line }) {
    this.headline = headline;
    this.mark = new StateMark();
    this.severity = h("span", { class: "severity" });
    this.story = h("span");
    this.told = "";
    this.part = h("span", {}, "part of ", h("a"));
    line.append(this.mark.root, this.severity, this.story, this.part);
    this.facts = new Keyed(facts, () => {
      const name = h("dt");
      const value = h("dd");
      return {
        root: h("div", {}, name, value),
        update: ([label, text, title]) => {
          setText(name, label);
          setText(value, text);
          setAttribute(value, "title", title);
        },
      };
    });
  }

  show(incident, now) {
    const status = statusOf(incident);
    setAttribute(this.headline, "data-status", status);
    setIcon(this.headline.firstElementChild, status);
    setText(this.headline.lastElementChild, `${incident.number}: ${incident.title}`);
    this.mark.show(incident.state);
    setText(this.severity, incident.severity);
    const story = storyOf(incident, now);
    if (story.join() !== this.told) {
      this.told = story.join();
      this.story.replaceChildren(...story.map((part, index) => h("bdi", {}, index === 0 ? part : `, ${part}`)));
    }
    this.part.hidden = incident.merged_into === null;
    if (incident.merged_into !== null) {
      setAttribute(this.part.lastElementChild, "href", addressOf(incident.merged_into));
      setText(this.part.lastElementChild, `incident ${incident.merged_into}`);
    }
    const facts = [
      ["Began", moment(incident.since, now), both(incident.since)],
      [isOpen(incident) && incident.ended_at === null ? "Lasts" : "Lasted", duration(lengthOf(incident, now))],
      ["Lost", lostOf(incident)],
      ["Detected in", incident.opened_by === "" ? took(incident.detected_in_s) : ""],
      ["Acknowledged in", took(incident.acknowledged_in_s)],
      ["Recovered in", took(incident.recovered_in_s)],
    ];
    this.facts.show(facts.filter(([, text]) => text !== ""), ([label]) => label);
  }
}

/** What became of it, in the order in which it did; names stand last, whatever they do to what follows. */
function storyOf(incident, now) {
  const { opened_at: openedAt, acknowledged_at: takenAt, ended_at: endedAt, resolved_at: resolvedAt } = incident;
  const parts = [incident.service, `opened at ${moment(openedAt, now)} by ${incident.opened_by === "" ? "an alert" : incident.opened_by}`];
  if (takenAt !== null) parts.push(`acknowledged at ${moment(takenAt, now)} by ${incident.acknowledged_by}`);
  else if (isOpen(incident) && endedAt === null) parts.push("acknowledged by nobody yet");
  if (endedAt !== null) parts.push(`loss ended at ${moment(endedAt, now)}`);
  if (resolvedAt !== null) parts.push(`resolved at ${moment(resolvedAt, now)}`);
  const going = incident.affected.filter(({ alert, last }) => alert !== null && last === null).length;
  if (!isOpen(incident) && going > 0) parts.push(going === 1 ? "its alert is open still" : `${going} of its alerts are open still`);
  return parts;
}
