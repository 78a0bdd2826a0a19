// Incidents that are over, page by page, of one service or all.

import { ask } from "./asking.js";
import { Keyed, h, setAttribute, setCell, setText } from "./dom.js";
import { isOpen, StateMark } from "./incident_states.js";
import { addressOf, lengthOf, lostOf, publicOf, took } from "./incident_words.js";
import { both, duration, moment } from "./times.js";

const PAGE = 50;
const MAX_SERVICE = 255;

const HEADS = [["Incident", ""], ["State", ""], ["Began", ""], ["Lasted", "number"], ["Lost", "number"], ["Detected in", "number wide"], ["Acknowledged in", "number wide"], ["Recovered in", "number wide"]];

/** The service that the address asks for, empty for all. */
const asked = () => (new URLSearchParams(location.search).get("service") ?? "").slice(0, MAX_SERVICE);

export class PastIncidents {
  constructor(parent, filter) {
    this.none = h("p", { class: "aside" });
    const body = h("tbody");
    this.table = h(
      "table",
      { class: "list", hidden: "" },
      h("thead", {}, h("tr", {}, ...HEADS.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      body,
    );
    this.more = h("button", { type: "button", class: "button", hidden: "" }, "Older incidents");
    this.more.addEventListener("click", () => this.ask(this.next));
    this.said = h("p", { class: "aside", role: "status" });
    parent.append(this.none, this.table, h("p", { class: "more" }, this.more), this.said);
    this.keyed = new Keyed(body, row);
    this.select = h("select");
    filter.append(h("label", {}, h("span", {}, "Service"), this.select));
    this.select.addEventListener("change", () => this.choose());
    addEventListener("popstate", () => this.restart());
    this.services = new Set();
    this.now = null;
    this.restart();
  }

  restart() {
    this.service = asked();
    this.found = new Map();
    this.isKnown = false;
    this.next = null;
    this.running = null;
    this.nameServices([]);
    this.ask(null);
  }

  choose() {
    const query = this.select.value === "" ? "" : `?${new URLSearchParams({ service: this.select.value })}`;
    history.pushState(null, "", location.pathname + query);
    this.restart();
  }

  /** The newest of them are asked for again. */
  refresh() {
    if (this.isKnown) this.ask(null);
  }

  async ask(after) {
    if (this.running === after && after !== null) return; // a button that is disabled would lose the focus
    this.running = after;
    const { service } = this;
    try {
      const { incidents, next } = await ask("/api/v1/incidents", { service: service || null, limit: PAGE, after });
      if (service !== this.service) return;
      for (const incident of incidents) {
        if (isOpen(incident)) this.found.delete(incident.number);
        else this.found.set(incident.number, incident);
      }
      if (after !== null || !this.isKnown) this.next = next;
      this.isKnown = true;
      setText(this.said, "");
      if (this.now !== null) this.show(this.now);
    } catch (error) {
      setText(this.said, `No answer: ${error.message}`);
    } finally {
      this.running = null;
    }
  }

  /** Services that one may choose: those whose incidents were seen, and whoever else there is. */
  nameServices(more) {
    const names = new Set([...this.services, ...more, ...(this.service ? [this.service] : [])]);
    if (names.size !== this.services.size || this.select.options.length === 0) {
      this.services = names;
      this.select.replaceChildren(h("option", { value: "" }, "all"), ...[...names].sort().map((name) => h("option", { value: name }, name)));
    }
    this.select.value = this.service;
  }

  show(now) {
    this.now = now;
    const incidents = [...this.found.values()].sort((a, b) => b.number - a.number);
    this.nameServices(incidents.map(({ service }) => service));
    this.table.hidden = incidents.length === 0;
    this.none.hidden = incidents.length > 0;
    setText(this.none, this.isKnown ? "None." : "Asking.");
    this.more.hidden = this.next === null;
    this.keyed.show(incidents.map((incident) => ({ incident, now })), ({ incident }) => incident.number);
  }
}

function row() {
  const mark = new StateMark();
  const link = h("a");
  const aside = h("span", { class: "aside" });
  const cells = {
    title: h("td", { class: "title" }, link, aside),
    state: h("td", {}, mark.root),
    began: h("td"),
    lasted: h("td", { class: "number" }),
    lost: h("td", { class: "number" }),
    detected: h("td", { class: "number wide" }),
    acknowledged: h("td", { class: "number wide" }),
    recovered: h("td", { class: "number wide" }),
  };
  const root = h("tr", {}, ...Object.values(cells));
  const update = ({ incident, now }) => {
    mark.show(incident.state);
    setAttribute(link, "href", addressOf(incident.number));
    setCell(link, `${incident.number}: ${incident.title}`);
    const merged = incident.merged_into === null ? "" : `part of ${incident.merged_into}`;
    const byHand = incident.opened_by === "" ? "" : `opened by ${incident.opened_by}`;
    setText(aside, [incident.service, merged, publicOf(incident), byHand].filter(Boolean).join(", "));
    setText(cells.began, moment(incident.since, now));
    setAttribute(cells.began, "title", both(incident.since));
    setText(cells.lasted, duration(lengthOf(incident, now)));
    setText(cells.lost, lostOf(incident));
    setText(cells.detected, incident.opened_by === "" ? took(incident.detected_in_s) : "");
    setText(cells.acknowledged, took(incident.acknowledged_in_s));
    setText(cells.recovered, took(incident.recovered_in_s));
  };
  return { root, update };
}
