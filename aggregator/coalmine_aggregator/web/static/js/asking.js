// Asking the API: answers, problems, and asking again while the page can be seen.

/** A problem document (RFC 9457), or an answer that is none. */
export class Problem extends Error {
  constructor(status, { detail, hint, parameter }, text) {
    super([detail ?? text, hint].filter(Boolean).join(" Hint: "));
    this.status = status;
    this.parameter = parameter ?? ""; // which of what was sent is to blame
  }

  /** Whether there is no such thing here: a part that has nothing to say shows nothing. */
  get isAbsent() {
    return this.status === 404;
  }
}

// The aggregator answers, or gives up, in 20 s: on a connection that is no more nothing ever comes.
const PATIENCE_MS = 30_000;

/** To where one signs in, and from there back to here. */
export const signIn = () => location.assign(`/login?${new URLSearchParams({ next: location.pathname + location.search })}`);

/** A signal that ends a request that is not answered in time, or as `signal` does. */
export function inTime(signal) {
  const late = AbortSignal.timeout(PATIENCE_MS);
  return signal === undefined ? late : AbortSignal.any([signal, late]);
}

/** The JSON of a path; `query` leaves out what is null or undefined. Throws `Problem`. */
export async function ask(path, query = {}, signal = undefined) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const answer = await fetch(given.length > 0 ? `${path}?${new URLSearchParams(given)}` : path, { signal: inTime(signal) });
  if (answer.status === 401) signIn();
  if (answer.ok) return answer.json();
  throw new Problem(answer.status, await answer.json().catch(() => ({})), answer.statusText);
}

/**
 * One question that is asked again: at once when it becomes another one, else `refresh` ms after the
 * last time, and sooner after a failure. Only the newest one is ever answered, and none while the page
 * is hidden.
 */
export class Asking {
  constructor({ onAnswer, onProblem }) {
    this.onAnswer = onAnswer;
    this.onProblem = onProblem;
    this.key = "";
    this.running = null;
    this.nextAt = 0;
  }

  /** Called each second: `query` null asks nothing. */
  want(path, query, refresh = Infinity) {
    const key = query === null ? "" : JSON.stringify([path, query]);
    if (key !== this.key) {
      this.key = key;
      this.running?.abort();
      this.running = null;
      this.nextAt = 0;
    }
    if (key === "" || this.running !== null || performance.now() < this.nextAt || document.hidden) return;
    this.run(path, query, refresh);
  }

  /** What was answered, or is on its way, is of before something that was done: asked again at once. */
  again() {
    this.running?.abort();
    this.running = null;
    this.nextAt = 0;
  }

  async run(path, query, refresh) {
    const running = new AbortController();
    this.running = running;
    try {
      const answer = await ask(path, query, running.signal);
      if (this.running !== running) return;
      this.nextAt = performance.now() + refresh;
      this.onAnswer(answer, query);
    } catch (error) {
      if (this.running !== running) return;
      // What was refused is refused again: that is asked for much later.
      this.nextAt = performance.now() + (error.status >= 400 && error.status < 500 ? 60_000 : 5_000);
      this.onProblem(error);
    } finally {
      if (this.running === running) this.running = null;
    }
  }
}
