// When the next word about an incident is due.

import { setAttribute, setText } from "./dom.js";
import { both, duration, moment } from "./times.js";

/** In words, and whether that is over; empty where nobody waits for one. */
function dueOf({ due_at: dueAt }, now) {
  if (dueAt === null) return { text: "", isOver: false };
  const left = dueAt - now;
  if (left <= 0) return { text: `Next update overdue by ${duration(-left)}`, isOver: true };
  return { text: `Next update due in ${countdown(left)}, at ${moment(dueAt, now)}`, isOver: false };
}

const two = (number) => String(number).padStart(2, "0");

/** 12:05, as clocks count down; hours before it where there are any. */
function countdown(seconds) {
  const all = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(all / 3600), Math.floor(all / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
}

/** Tells it in an element. */
export function showDue(element, incident, now) {
  const { text, isOver } = dueOf(incident, now);
  setText(element, text);
  element.hidden = text === "";
  setAttribute(element, "data-over", isOver ? "" : null);
  setAttribute(element, "title", incident.due_at === null ? null : both(incident.due_at));
}
