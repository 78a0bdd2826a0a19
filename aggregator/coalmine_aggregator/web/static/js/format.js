// Numbers and times as people read them. Times are UTC everywhere on the page.

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

export const count = (number) => whole.format(number);

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A fraction in percent. Anything above none is never shown as 0, anything below all never as 100. */
export function percent(fraction) {
  if (fraction === null) return "unknown";
  const value = fraction * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.01) return "< 0.01 %";
  if (value > 99.99) return "> 99.99 %";
  const digits = value < 1 || value > 99 ? 2 : 1;
  return `${(Math.floor(value * 10 ** digits) / 10 ** digits).toString()} %`;
}

/** Seconds since the epoch as 14:02:03. */
export const clock = (seconds) => new Date(seconds * 1000).toISOString().slice(11, 19);

/** The same with its day, where that is not today's. */
export function moment(seconds, now) {
  const text = new Date(seconds * 1000).toISOString();
  const today = new Date(now * 1000).toISOString().slice(0, 10);
  return text.startsWith(today) ? text.slice(11, 19) : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
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

/** How datapoints ended badly: their number and one word, the fate where there is but one. */
export function badly(fates) {
  const entries = Object.entries(fates).filter(([, number]) => number > 0);
  const total = entries.reduce((sum, [, number]) => sum + number, 0);
  return { total, word: entries.length === 1 ? entries[0][0] : "bad", entries };
}

/** A name of the model as words: not_attempted becomes "not attempted". */
export const words = (name) => name.replaceAll("_", " ");
