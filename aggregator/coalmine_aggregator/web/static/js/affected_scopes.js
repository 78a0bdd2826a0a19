// What an incident affected, by alert: where, from when to when, why, and what there is to do about it.

import { sentence } from "./alert_words.js";
import { link, scopeChips } from "./alerts.js";
import { ask } from "./asking.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { plural } from "./numbers.js";
import { momentAddress } from "./timeline.js";
import { both, moment } from "./times.js";
import { Why } from "./why.js";

const FEW = 20;

export class AffectedScopes {
  constructor(parent) {
    this.guide = h("div", { class: "guide", hidden: "" });
    const list = h("div");
    this.more = h("p", { class: "aside" });
    parent.append(this.guide, list, this.more);
    this.keyed = new Keyed(list, part);
    this.guided = null;
  }

  show(incident, now) {
    const { affected } = incident;
    const shown = affected.slice(-FEW).reverse();
    this.keyed.show(
      shown.map((each) => ({ ...each, service: incident.service, now })),
      ({ alert, scope, first }) => `${alert ?? JSON.stringify(scope)} ${first}`,
    );
    const left = affected.length - shown.length;
    setText(this.more, affected.length === 0 ? "No alert is part of it." : left > 0 ? `${plural(left, "older one")} left out.` : "");
    const alerts = affected.filter(({ alert }) => alert !== null);
    const guide = alerts.findLast(({ last }) => last === null) ?? alerts[0];
    if (guide !== undefined && guide.alert !== this.guided) this.guideBy(guide.alert);
  }

  /** What is wrong, first steps, playbook and owner, as an alert has them. */
  async guideBy(number) {
    this.guided = number;
    try {
      const { alert } = await ask(`/api/v1/alerts/${number}/explain`);
      if (number !== this.guided) return;
      const steps = alert.steps.map((step) => h("li", {}, step));
      const parts = [link(alert.playbook, "Open the playbook") ?? alert.playbook, alert.owner && `Owner ${alert.owner}`].filter(Boolean);
      this.guide.replaceChildren(h("p", {}, `${sentence(alert.headline)}.`), ...(steps.length > 0 ? [h("ol", { class: "steps" }, ...steps)] : []), h("p", { class: "leads" }, ...parts));
      this.guide.hidden = false;
    } catch {
      // What is known of it stands below.
    }
  }
}

function part({ alert }) {
  const chips = h("span", { class: "tags" });
  const when = h("p");
  const began = h("a", {}, "The moment it began");
  const why = alert === null ? null : new Why(alert);
  const root = h("div", { class: "affected" }, chips, when, h("p", { class: "leads aside" }, began), ...(why === null ? [] : [why.root]));
  let shown = "";
  const update = ({ service, scope, first, last, now }) => {
    setText(when, `${alert === null ? "Said by hand" : `Alert ${alert}`}, ${moment(first, now)} to ${last === null ? "now" : moment(last, now)}`);
    setAttribute(when, "title", [first, last].filter((each) => each !== null).map(both).join(" to "));
    const said = JSON.stringify([scope, first, last]);
    if (said === shown) return;
    shown = said;
    chips.replaceChildren(...scopeChips({ service, scope }));
    setAttribute(began, "href", momentAddress(first, service, scope));
    why?.update({ scope, state: last === null ? "open" : "closed" });
  };
  return { root, update };
}
