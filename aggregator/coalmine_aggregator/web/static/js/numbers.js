// Numbers and names as people read them.

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

/** How datapoints ended badly: their number and one word, the fate where there is but one. */
export function badly(fates) {
  const entries = Object.entries(fates).filter(([, number]) => number > 0);
  const total = entries.reduce((sum, [, number]) => sum + number, 0);
  return { total, word: entries.length === 1 ? entries[0][0] : "bad", entries };
}

/** Microseconds with the unit that suits: 840 \u00b5s, 12.3 ms, 1.02 s. */
export function latency(us) {
  if (us === null || us === undefined) return "";
  if (us < 1000) return `${Math.round(us)} \u00b5s`;
  if (us < 1_000_000) return `${Number((us / 1000).toPrecision(3))} ms`;
  return `${Number((us / 1_000_000).toPrecision(3))} s`;
}

/** A name of the model as words: not_attempted becomes "not attempted". */
export const words = (name) => name.replaceAll("_", " ");
