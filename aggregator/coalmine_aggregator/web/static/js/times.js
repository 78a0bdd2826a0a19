// Times as people read them, in UTC or in the zone of this machine; the zone is always named.

import { inUtc } from "./preferences.js";

const PARTS = {
  hourCycle: "h23",
  year: "numeric",
  month: "2-digit",
  day: "2-digit",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
};
const formats = {
  utc: new Intl.DateTimeFormat("en-GB", { ...PARTS, timeZone: "UTC" }),
  local: new Intl.DateTimeFormat("en-GB", PARTS),
};

function partsOf(seconds, utc) {
  const found = {};
  for (const { type, value } of formats[utc ? "utc" : "local"].formatToParts(new Date(seconds * 1000))) found[type] = value;
  return { day: `${found.year}-${found.month}-${found.day}`, clock: `${found.hour}:${found.minute}:${found.second}`, zone: found.timeZoneName };
}

/** Seconds since the epoch as 14:02:03, without its zone: only beside others that name it. */
export const clock = (seconds) => partsOf(seconds, inUtc()).clock;

/** The day, 2026-11-28. */
export const day = (seconds) => partsOf(seconds, inUtc()).day;

/** The zone that times are told in, as it is called at that moment. */
export const zone = (seconds) => partsOf(seconds, inUtc()).zone;

/** Seconds that the clock of that zone is ahead of UTC at that moment. */
export const offset = (seconds) => (inUtc() ? 0 : -60 * new Date(seconds * 1000).getTimezoneOffset());

/** 14:02:03 UTC, with its day where that is not today's. */
export function moment(seconds, now) {
  const told = partsOf(seconds, inUtc());
  const today = partsOf(now, inUtc()).day === told.day;
  return today ? `${told.clock} ${told.zone}` : `${told.day} ${told.clock} ${told.zone}`;
}

/** The whole of it. */
export function full(seconds) {
  const told = partsOf(seconds, inUtc());
  return `${told.day} ${told.clock} ${told.zone}`;
}

/** The same moment in both zones, for tooltips; once where they are one. */
export function both(seconds) {
  const [utc, local] = [partsOf(seconds, true), partsOf(seconds, false)];
  const texts = [utc, local].map((told) => `${told.day} ${told.clock} ${told.zone}`);
  return texts[0] === texts[1] || local.zone === utc.zone ? texts[0] : `${texts[0]} = ${texts[1]}`;
}

/** A moment as addresses and exports carry it. */
export const iso = (seconds) => new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "Z");

/** Seconds since the epoch of an absolute time, null where it is none. */
export function parseTime(text) {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : Math.floor(ms / 1000);
}

/** A length of time, in its two largest units. */
export function duration(seconds) {
  const all = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(all / 86400), "d"],
    [Math.floor(all / 3600) % 24, "h"],
    [Math.floor(all / 60) % 60, "min"],
    [all % 60, "s"],
  ];
  const first = parts.findIndex(([number]) => number > 0);
  if (first < 0) return "0 s";
  const shown = parts.slice(first, first + 2).filter(([number], index) => number > 0 || index === 0);
  return shown.map(([number, unit]) => `${number} ${unit}`).join(" ");
}
