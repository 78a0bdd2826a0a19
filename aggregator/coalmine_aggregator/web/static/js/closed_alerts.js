// Closed alerts: the newest with each snapshot, older ones page by page when they are asked for.

import { Actionable } from "./actionable.js";
import { titleOf } from "./alert_words.js";
import { scopeChips, toMoment } from "./alerts.js";
import { ask } from "./asking.js";
import { Keyed, h, setAttribute, setCell, setText } from "./dom.js";
import { addressOf } from "./incident_words.js";
import { count, words } from "./numbers.js";
import { both, duration, moment } from "./times.js";

const PAGE = 50;
const NEWEST = 10; // that many a snapshot has
const MOST = 500; // of snapshots that are kept after older ones were asked for

const HEADS = [["Alert", ""], ["Scope", ""], ["Bad in all", "number"], ["Cause", "wide"], ["Since", ""], ["Lasted", "number wide"], ["Owner", "wide"]];

export class ClosedAlerts {
  constructor(parent) {
    this.none = h("p", { class: "aside" }, "None.");
    const body = h("tbody");
    this.table = h(
      "table",
      { class: "list", hidden: "" },
      h("thead", {}, h("tr", {}, ...HEADS.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
      body,
    );
    this.more = h("button", { type: "button", class: "button", hidden: "" }, "Older alerts");
    this.more.addEventListener("click", () => this.ask());
    this.said = h("p", { class: "aside", role: "status" });
    parent.append(this.none, this.table, h("p", { class: "more" }, this.more), this.said);
    this.keyed = new Keyed(body, row);
    this.older = new Map();
    this.next = null;
    this.keptAt = 0; // the aggregator's time of what is kept
    this.kept = 0;
    this.asking = false;
  }

  /**
   * `isPast` says that the alerts are those of a past moment: older ones are not asked for then.
   * `canAct` says that whoever looks may answer whether they were actionable.
   */
  show(alerts, now, isPast, canAct) {
    this.shown = [alerts, now, isPast, canAct];
    if (!isPast) this.keep(alerts, now);
    const all = new Map(isPast ? [] : this.older);
    for (const alert of alerts) all.set(alert.number, alert);
    const sorted = [...all.values()].sort((a, b) => (b.closed_at ?? now) - (a.closed_at ?? now) || b.number - a.number);
    this.none.hidden = sorted.length > 0;
    this.table.hidden = sorted.length === 0;
    const hasMore = this.older.size === 0 ? alerts.length >= NEWEST : this.next !== null;
    this.more.hidden = isPast || !hasMore;
    this.keyed.show(sorted.map((alert) => ({ ...alert, now, canAct })), ({ number }) => number);
  }

  /** Beneath the newest, older ones go on with what was newest: no alert between them is left out. */
  keep(alerts, now) {
    if (this.older.size === 0 || now < this.keptAt) return;
    this.keptAt = now;
    const meet = alerts.length < NEWEST || alerts.some(({ number }) => this.older.has(number));
    if (!meet || this.kept > MOST) {
      // More closed than was heard of: they are asked for anew.
      this.older = new Map();
      this.next = null;
      return;
    }
    for (const alert of alerts) {
      if (!this.older.has(alert.number)) this.kept += 1;
      this.older.set(alert.number, alert);
    }
  }

  async ask() {
    if (this.asking) return; // a button that is disabled would lose the focus
    this.asking = true;
    try {
      const { older } = this;
      const { now, recent, next } = await ask("/api/v1/alerts", { limit: PAGE, after: this.next });
      if (older !== this.older) return;
      if (older.size === 0) [this.keptAt, this.kept] = [now, 0];
      for (const alert of recent) older.set(alert.number, alert);
      this.next = next;
      setText(this.said, "");
      this.show(...this.shown);
    } catch (error) {
      setText(this.said, `No answer: ${error.message}`);
    } finally {
      this.asking = false;
    }
  }
}

function row() {
  const since = h("a");
  const name = h("span");
  const incident = h("a", { class: "id", hidden: "" });
  const asked = new Actionable();
  const cells = {
    name: h("td", {}, name, " ", incident, asked.root),
    scope: h("td", { class: "tags" }),
    lost: h("td", { class: "number" }),
    cause: h("td", { class: "wide" }),
    since: h("td", {}, since),
    lasted: h("td", { class: "number wide" }),
    owner: h("td", { class: "wide" }),
  };
  const root = h("tr", {}, ...Object.values(cells));
  let shown = "";
  const update = ({ now, canAct, ...alert }) => {
    setText(since, moment(alert.since, now));
    setAttribute(since, "title", both(alert.since));
    const said = JSON.stringify([canAct, alert]);
    if (said === shown) return;
    shown = said;
    setCell(name, alert.folded_into ? `${titleOf(alert)}, part of ${alert.folded_into}` : titleOf(alert));
    incident.hidden = alert.incident === null;
    if (alert.incident !== null) {
      setAttribute(incident, "href", addressOf(alert.incident));
      setText(incident, `incident ${alert.incident}`);
    }
    cells.scope.replaceChildren(...scopeChips(alert));
    const sums = alert.total.expected > 0 ? alert.total : alert.sums;
    toMoment(since, alert);
    setText(cells.lost, sums.expected > 0 ? `${count(sums.bad)} of ${count(sums.judged)}` : "");
    setText(cells.cause, words(alert.cause));
    setText(cells.lasted, duration((alert.closed_at ?? now) - alert.since));
    setCell(cells.owner, alert.owner);
    asked.update(alert, canAct);
  };
  return { root, update };
}
