// The live feed, and how old what it last said is.

import { inTime, signIn } from "./asking.js";

const LIVE = "/api/v1/live";
const RETRY_MS = 3000;
export const STALE_S = 3;
// A stream so silent is given up for a new one, sooner where there was no answer yet: that may have been
// asked for on another connection that is no more, and a browser keeps six.
const DEAD_S = 10;
const UNANSWERED_S = 5;

// A moment of this machine. Its steady clock stands still while it sleeps, the other one may be set at any
// time: the longer of the two is how long ago it was.
const mark = () => ({ steady: performance.now(), wall: Date.now() });
const since = ({ steady, wall }) => Math.max(performance.now() - steady, Date.now() - wall) / 1000;

/** Calls `onSnapshot(snapshot)` with each. */
export class Feed {
  constructor(onSnapshot) {
    this.onSnapshot = onSnapshot;
    this.source = null;
    this.heardAt = null;
    this.openedAt = mark();
    this.triedAt = this.openedAt;
    this.retry = null;
    this.why = "";
  }

  open() {
    if (this.source !== null) return;
    this.openedAt = mark();
    this.listen();
  }

  listen() {
    this.triedAt = mark();
    this.source = new EventSource(LIVE);
    this.source.addEventListener("open", () => {
      this.triedAt = mark();
      checkBuild();
    });
    this.source.addEventListener("snapshot", (event) => this.take(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      // The browser reconnects by itself, unless the answer was no stream at all.
      if (this.source?.readyState === EventSource.CLOSED) this.refused();
    });
  }

  close() {
    clearTimeout(this.retry);
    this.source?.close();
    this.source = null;
    this.retry = null;
    this.heardAt = null;
    this.why = "";
  }

  take(snapshot) {
    this.heardAt = mark();
    this.why = "";
    this.onSnapshot(snapshot);
  }

  async refused() {
    this.source = null;
    clearTimeout(this.retry);
    const retry = setTimeout(() => this.open(), RETRY_MS);
    this.retry = retry;
    const why = await refusal();
    if (this.retry === retry) this.why = why;
  }

  /** Called each second: a browser that has nothing to send never notices that its connection is no more. */
  watch() {
    if (this.source === null || (this.heardAt !== null && since(this.heardAt) < DEAD_S)) return;
    if (since(this.triedAt) < (this.source.readyState === EventSource.OPEN ? DEAD_S : UNANSWERED_S)) return;
    this.source.close();
    this.listen();
  }

  /**
   * `age`: seconds since the last snapshot, null before the first; `waited`: since the page began to listen;
   * `why` there is none, empty where nobody says.
   */
  get state() {
    return { age: this.heardAt === null ? null : since(this.heardAt), waited: since(this.openedAt), why: this.why };
  }
}

/** What the aggregator says to whoever asks for the stream; a stream keeps its words from the page. */
async function refusal() {
  const asked = new AbortController();
  try {
    const answer = await fetch(LIVE, { signal: inTime(asked.signal) });
    if (answer.status === 401) signIn();
    return answer.ok ? "" : (await answer.json()).detail ?? "";
  } catch {
    return ""; // nobody there
  } finally {
    asked.abort();
  }
}

const { build } = document.documentElement.dataset;
let isOld = () => {};

/** Calls `then()` once the aggregator serves another build of this page than the one on show. */
export function onNewBuild(then) {
  isOld = then;
}

// A new version means a new start of the aggregator, and that a new stream.
async function checkBuild() {
  try {
    const answer = await fetch(location.pathname, { method: "HEAD", cache: "no-store" });
    const served = answer.headers.get("Coalmine-Build");
    if (answer.ok && served !== null && served !== build) isOld();
  } catch {
    // The next stream asks again.
  }
}
