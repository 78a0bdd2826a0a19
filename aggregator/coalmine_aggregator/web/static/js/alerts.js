// Open alerts, laid out as assess, blast radius, compensate; and the newest closed ones.

import { Keyed, h, icon, setAttribute, setText } from "./dom.js";
import { badly, count, duration, moment, percent, words } from "./format.js";

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

export function scopeChips(alert) {
  const pairs = Object.entries(alert.scope);
  if (pairs.length === 0) return [h("span", { class: "tag" }, `all of ${alert.service}`)];
  return pairs.map(([label, value]) =>
    h("span", { class: "tag" }, h("span", { class: "tag-label" }, label), " ", value),
  );
}

export class OpenAlerts {
  constructor(parent) {
    this.parent = parent;
    this.cards = h("div", { class: "cards" });
    this.more = h("p", { class: "aside" });
    parent.append(this.cards, this.more);
    this.keyed = new Keyed(this.cards, card);
  }

  show(alerts, total, now) {
    this.parent.hidden = alerts.length === 0;
    this.keyed.show(
      alerts.map((alert) => ({ ...alert, now })),
      (alert) => alert.number,
    );
    setText(this.more, total > alerts.length ? `${count(total - alerts.length)} more are open.` : "");
  }
}

const badOf = ({ fates: { failed, abandoned, lost, late } }) => badly({ failed, abandoned, lost, late });

function card() {
  const title = h("h2");
  const severity = h("span", { class: "severity" });
  const age = h("span", { class: "aside" });
  const headline = h("p", { class: "figure" });
  const fates = h("p");
  const scope = h("p", { class: "tags" });
  const beside = h("p");
  const owner = h("p");
  const playbook = h("p");
  const root = h(
    "article",
    { class: "alert" },
    h("header", {}, icon("down"), title, severity, age),
    h("div", { class: "assess" }, h("h3", {}, "Assess"), headline, fates),
    h("div", {}, h("h3", {}, "Blast radius"), scope, beside),
    h("div", {}, h("h3", {}, "Compensate"), playbook, owner),
  );
  let shown = "";
  const update = ({ now, ...alert }) => {
    setText(age, `since ${moment(alert.since, now)} UTC, ${duration(now - alert.since)}`);
    const said = JSON.stringify(alert);
    if (said === shown) return;
    shown = said;
    setText(title, `${alert.service}: ${words(alert.class)}`);
    setText(severity, alert.severity);
    setAttribute(severity, "data-severity", alert.severity);
    const sums = alert.sums;
    const bad = badOf(sums);
    setText(
      headline,
      `${count(sums.bad)} of ${count(sums.judged)} datapoints ${bad.word} in ${duration(alert.window_s)}`,
    );
    const each = bad.entries.map(([fate, number]) => `${count(number)} ${fate}`).join(", ");
    const loss = `${percent(sums.loss)} loss, ${percent(alert.acceptable_loss)} is acceptable`;
    setText(fates, bad.entries.length > 1 ? `${each}; ${loss}` : loss);
    scope.replaceChildren(...scopeChips(alert));
    setText(
      beside,
      alert.beside.judged > 0
        ? `Elsewhere in ${alert.service}: ${count(alert.beside.bad)} of ${count(alert.beside.judged)} ${badOf(alert.beside).word}`
        : `Nothing of ${alert.service} is outside`,
    );
    setText(owner, alert.owner ? `Owner ${alert.owner}` : "No owner is set");
    playbook.replaceChildren(link(alert.playbook, "Open the playbook") ?? (alert.playbook || "No playbook is set"));
  };
  return { root, update };
}

export class RecentAlerts {
  constructor(parent) {
    this.none = h("p", { class: "aside" }, "None since the start.");
    this.body = h("tbody");
    this.table = h(
      "table",
      { class: "list" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["Alert", "Scope"].map((text) => h("th", { scope: "col" }, text)),
          h("th", { scope: "col", class: "number" }, "Bad"),
          h("th", { scope: "col" }, "Since (UTC)"),
          h("th", { scope: "col", class: "number wide" }, "Lasted"),
          h("th", { scope: "col", class: "wide" }, "Owner"),
        ),
      ),
      this.body,
    );
    this.table.hidden = true;
    parent.append(this.none, this.table);
    this.keyed = new Keyed(this.body, recentRow);
  }

  show(alerts, now) {
    this.none.hidden = alerts.length > 0;
    this.table.hidden = alerts.length === 0;
    this.keyed.show(
      alerts.map((alert) => ({ ...alert, now })),
      (alert) => alert.number,
    );
  }
}

function recentRow() {
  const cells = {
    name: h("td"),
    scope: h("td", { class: "tags" }),
    lost: h("td", { class: "number" }),
    since: h("td"),
    lasted: h("td", { class: "number wide" }),
    owner: h("td", { class: "wide" }),
  };
  const root = h("tr", {}, ...Object.values(cells));
  let shown = "";
  const update = ({ now, ...alert }) => {
    setText(cells.since, moment(alert.since, now));
    const said = JSON.stringify(alert);
    if (said === shown) return;
    shown = said;
    setText(cells.name, `${alert.service}: ${words(alert.class)}`);
    cells.scope.replaceChildren(...scopeChips(alert));
    setText(cells.lost, `${count(alert.sums.bad)} of ${count(alert.sums.judged)}`);
    setText(cells.lasted, duration((alert.closed_at ?? now) - alert.since));
    setText(cells.owner, alert.owner);
  };
  return { root, update };
}
