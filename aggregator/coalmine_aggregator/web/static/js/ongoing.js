// Incidents that go on, each with its state and when its next update is due, and which of them an open alert belongs to.

import { Asking } from "./asking.js";
import { showDue } from "./due.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { StateMark } from "./incident_states.js";
import { addressOf, publicOf } from "./incident_words.js";
import { count } from "./numbers.js";

const EVERY_MS = 10_000;
const MOST = 50;
const FEW = 4; // the page of incidents has all

export class Ongoing {
  /** `onNews()` is called when incidents are others than before. */
  constructor(parent, onNews) {
    this.parent = parent;
    const list = h("div", { class: "ongoing-list" });
    this.more = h("a", { href: "/incidents", hidden: "" });
    parent.append(list, this.more);
    this.keyed = new Keyed(list, line);
    this.incidents = [];
    this.alerts = "";
    this.asking = new Asking({
      onAnswer: ({ incidents }) => {
        this.incidents = incidents;
        onNews();
      },
      onProblem: () => {}, // what is open is known from the alerts, too
    });
  }

  /** Called each second; `alerts` are the open ones. Of a past moment nothing is shown: these are of now. */
  show(alerts, now, isLive) {
    const numbers = alerts.map(({ number }) => number).join();
    if (numbers !== this.alerts) {
      this.alerts = numbers;
      this.asking.again();
    }
    this.asking.want("/api/v1/incidents", isLive ? { state: "open", limit: MOST } : null, EVERY_MS);
    const shown = isLive ? this.incidents.slice(0, FEW) : [];
    this.parent.hidden = shown.length === 0;
    this.keyed.show(shown.map((incident) => ({ incident, now })), ({ incident }) => incident.number);
    const left = this.incidents.length - shown.length;
    this.more.hidden = left <= 0;
    setText(this.more, `${count(left)} more open incidents`);
  }

  /** The number of the incident that an open alert belongs to, null where that is not known. */
  of(alert) {
    const found = this.incidents.find(({ affected }) => affected.some((each) => each.alert === alert));
    return found?.number ?? null;
  }
}

function line() {
  const mark = new StateMark();
  const link = h("a");
  const due = h("span", { class: "aside" });
  const seen = h("span", { class: "aside" });
  const root = h("p", { class: "ongoing" }, mark.root, link, due, seen);
  const update = ({ incident, now }) => {
    mark.show(incident.state);
    setAttribute(link, "href", addressOf(incident.number));
    setAttribute(link, "title", incident.title);
    setText(link, `Incident ${incident.number}`);
    setText(seen, incident.awaiting_approval ? publicOf(incident) : "");
    showDue(due, incident, now);
  };
  return { root, update };
}
