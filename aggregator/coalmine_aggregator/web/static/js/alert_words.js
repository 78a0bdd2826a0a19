// What the page says of an alert, by its class. Some classes count bad datapoints, some count unknown
// ones, and some count none at all: then the note says it.

import { badly, count, percent, plural, words } from "./numbers.js";
import { duration } from "./times.js";

const OURS = { _fleet: "the fleet", _control: "the control agent" };

const CAUSES = {
  service: "the service itself",
  network: "the network on the way to the service",
  agent: "the agent, not the service",
  receipt_path: "the receipt path from the service to Coalmine, not the service",
  unknown: "unknown",
};

// What these are about is counted; the others have it in their note.
const COUNTED = ["loss", "blind"];

/** Whose fault it is, is asked of a loss alone; the other classes name a cause where they know one. */
const isBlamed = (alert) => alert.class === "loss";

/** The service as people call it; what concerns several at once has a name of ours. */
export const serviceName = (name) => OURS[name] ?? name;

export const titleOf = (alert) => `${serviceName(alert.service)}: ${words(alert.class)}`;

/** With a capital letter at its head. */
export const sentence = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

const badOf = ({ fates: { failed, abandoned, lost, late } }) => badly({ failed, abandoned, lost, late });

const over = (alert) => (alert.window_s > 0 ? ` in ${duration(alert.window_s)}` : "");

/** The one line that says how bad it is. */
export function figureOf(alert) {
  const { sums } = alert;
  if (alert.note && (sums.expected === 0 || !COUNTED.includes(alert.class))) return sentence(alert.note);
  if (sums.expected === 0) return sentence(words(alert.class));
  if (alert.class === "blind") return `${count(sums.fates.unknown)} of ${count(sums.expected)} datapoints unknown${over(alert)}`;
  return `${count(sums.bad)} of ${count(sums.judged)} datapoints ${badOf(sums).word}${over(alert)}`;
}

/** The share that matters and how the scope's datapoints ended; empty where none were counted. */
export function fatesOf(alert) {
  const { sums } = alert;
  if (sums.expected === 0) return "";
  const each = Object.entries(sums.fates).filter(([, number]) => number > 0);
  const fates = each.map(([fate, number]) => `${count(number)} ${words(fate)}`).join(", ");
  if (alert.class === "blind") return `${percent(sums.fates.unknown / sums.expected)} unknown: ${fates}`;
  if (sums.loss === null) return sentence(fates);
  return `${percent(sums.loss)} loss, ${percent(alert.acceptable_loss)} is acceptable: ${fates}`;
}

/** What it has come to since it began. */
export function totalOf(alert) {
  const { total } = alert;
  if (total.expected === 0) return "";
  if (alert.class === "blind") return `${count(total.fates.unknown)} of ${count(total.expected)} unknown since it began`;
  return `${count(total.bad)} of ${count(total.judged)} ${badOf(total).word} since it began`;
}

/** The note, where no other line says it. */
export function noteOf(alert) {
  const said = sentence(alert.note);
  return isBlamed(alert) || said === figureOf(alert) ? "" : said;
}

/** Whose fault it is, and why that is thought; empty where nobody asks. */
export function causeOf(alert) {
  const asked = isBlamed(alert);
  if (alert.cause === "unknown" && !asked) return "";
  const why = asked && alert.note ? `; ${alert.note}` : "";
  return `Cause: ${CAUSES[alert.cause] ?? words(alert.cause)}${why}`;
}

/** How many places and machines of the scope are touched; empty where that is not counted. */
export function reachOf(alert) {
  return alert.reach.map(({ label, affected, total }) => `${count(affected)} of ${plural(total, label)}`).join(", ");
}

/** What the rest of the service sees; empty where that is not compared. */
export function besideOf(alert) {
  if (!isBlamed(alert) || alert.sums.expected === 0) return "";
  const { beside } = alert;
  const service = serviceName(alert.service);
  if (beside.judged > 0) return `Elsewhere in ${service}: ${count(beside.bad)} of ${count(beside.judged)} ${badOf(beside).word}`;
  return beside.expected === 0 ? `Nothing of ${service} is outside` : "";
}

/** A scope on one line. */
export function scopeText(scope, service) {
  const pairs = Object.entries(scope);
  if (pairs.length === 0) return `all of ${serviceName(service)}`;
  return pairs.map(([label, value]) => `${label} ${value}`).join(", ");
}

/** Scopes that name the very same series; empty where there are none. */
export function sameAs(alert) {
  if (alert.equivalents.length === 0) return "";
  return `The same as: ${alert.equivalents.map((scope) => scopeText(scope, alert.service)).join("; ")}`;
}
