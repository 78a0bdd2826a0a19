// What the pages say of an incident.

import { count, percent } from "./numbers.js";
import { isOpen } from "./incident_states.js";
import { duration } from "./times.js";

export const addressOf = (number) => `/incidents/${number}`;

/** What was lost, exactly; empty before it was counted. */
export function lostOf({ impact }) {
  if (impact === null) return "";
  return impact.judged === 0 ? "nothing counted" : `${count(impact.bad)} of ${count(impact.judged)} (${percent(impact.bad / impact.judged)})`;
}

/** From the first loss until it ended, or until now. */
export function lengthOf(incident, now) {
  const end = incident.ended_at ?? incident.resolved_at;
  return Math.max(0, (incident.recovered_in_s ?? (end ?? now) - incident.since));
}

/** How an incident looks in the first line: as a service does that is down, in part, or well. */
export function statusOf(incident) {
  if (!isOpen(incident)) return "ok";
  return incident.state === "monitoring" || incident.severity !== "page" ? "partial" : "down";
}

/** Whether customers see it, in a few words; empty where no status page is configured. */
export function publicOf(incident) {
  if (incident.awaiting_approval === null) return "";
  if (incident.publication === "withheld") return "withheld from customers";
  if (incident.is_public) return incident.awaiting_approval ? "public in part, waits for approval" : "public";
  return incident.awaiting_approval ? "waits for approval" : "not public";
}

export const took = (seconds) => (seconds === null ? "" : duration(seconds));
