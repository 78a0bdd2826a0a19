// One compact line for each service: its objective, what is left of the error budget, and what was
// learned of its noise.

import { serviceName } from "./alert_words.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { count, percent, plural } from "./numbers.js";
import { duration } from "./times.js";

const LONG = ["1h", "6h", "1d", "3d"]; // the windows that alerts are about, where there are more
const BURNING = 1; // the rate that spends the budget over exactly the objective's window

/** An objective in per cent, every nine of it. */
const objective = (fraction) => `${Number((fraction * 100).toFixed(6))} %`;

function budget({ left, bad, allowed }) {
  const spent = allowed === null ? `${count(bad)} bad` : `${count(bad)} of ${count(allowed)} bad`;
  if (left === null) return spent;
  // Soon after a start little was judged, and a small outage is a hundred budgets of that.
  if (left < -1) return `overspent (${spent})`;
  return left < 0 ? `overspent by ${percent(-left)} (${spent})` : `${percent(left)} left (${spent})`;
}

function burn(rates) {
  const all = Object.entries(rates).filter(([, rate]) => rate !== null);
  const known = all.length > LONG.length ? all.filter(([window]) => LONG.includes(window)) : all;
  return known.map(([window, rate]) => `${Number(rate.toFixed(rate < 10 ? 1 : 0))}x in ${window}`).join(", ") || "nothing to say";
}

function learned(noise) {
  if (noise.learned_slots === 0) return "nothing yet";
  const parts = [];
  if (noise.loss !== null) parts.push(`${percent(noise.loss)} loss`);
  if (noise.rho !== null) parts.push(noise.rho > 0 ? `dispersion ${Number(noise.rho.toPrecision(2))}` : "independent");
  if (noise.burst_loss) parts.push(`bursts of ${percent(noise.burst_loss)} for ${Number((noise.burst_span ?? 1).toFixed(1))} s`);
  return `${parts.join(", ")}, from ${duration(noise.learned_slots)}`;
}

const threshold = (noise) =>
  noise.threshold === null ? "not set" : `${noise.threshold.toFixed(1)} over ${plural(noise.patterns, "pattern")}`;

/** Label and text of everything known of a service; true marks what somebody should look at. */
function factsOf({ slo, noise }) {
  const facts = [];
  if (slo) {
    const rates = Object.values(slo.burn).filter((rate) => rate !== null);
    const burning = rates.length > 0 && rates.every((rate) => rate > BURNING);
    facts.push(["Objective", `${objective(slo.objective)} over ${duration(slo.window_s)}`, false]);
    facts.push(["Error budget", budget(slo), slo.left !== null && slo.left < 0]);
    facts.push(["Burn rate", burn(slo.burn), burning]);
  }
  if (noise) {
    facts.push(["Healthy noise", learned(noise), false]);
    facts.push(["Alert from", threshold(noise), false]);
  }
  return facts;
}

export class Services {
  constructor(section, list, more) {
    this.section = section;
    this.more = more;
    this.keyed = new Keyed(list, row);
  }

  show(slos, noises, total) {
    const byName = new Map();
    for (const slo of slos) byName.set(slo.service, { name: slo.service, slo });
    for (const noise of noises) byName.set(noise.service, { ...byName.get(noise.service), name: noise.service, noise });
    const services = [...byName.values()];
    this.section.hidden = services.length === 0;
    this.keyed.show(services, ({ name }) => name);
    setText(this.more, total > services.length ? `${plural(total - services.length, "more service")} in /api/v1/slo.` : "");
  }
}

function row() {
  const name = h("h3");
  const list = h("dl");
  const facts = new Keyed(list, () => {
    const label = h("dt");
    const value = h("dd");
    return {
      root: h("div", {}, label, value),
      update: ([what, text, marked]) => {
        setText(label, what);
        setText(value, text);
        setAttribute(value, "data-marked", marked ? "yes" : null);
      },
    };
  });
  return {
    root: h("div", { class: "service" }, name, list),
    update: (service) => {
      setText(name, serviceName(service.name));
      facts.show(factsOf(service), ([what]) => what);
    },
  };
}
