// The live feed, and how old what it last said is.

import { ask } from "./asking.js";

const RETRY_MS = 3000;
export const STALE_S = 3;

/** Calls `onSnapshot(snapshot)`; `age()` is seconds since the last one, null before the first. */
export class Feed {
  constructor(onSnapshot) {
    this.onSnapshot = onSnapshot;
    this.source = null;
    this.heardAt = null;
    this.openedAt = performance.now();
    this.retry = null;
  }

  open() {
    if (this.source !== null) return;
    this.openedAt = performance.now();
    this.source = new EventSource("/api/v1/live");
    this.source.addEventListener("open", checkBuild);
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
    this.heardAt = null;
  }

  take(snapshot) {
    this.heardAt = performance.now();
    this.onSnapshot(snapshot);
  }

  async refused() {
    this.source = null;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.open(), RETRY_MS);
    try {
      await ask("/api/v1/alerts", { limit: 1 }); // leads to the login where that is why
    } catch {
      // Nobody there: tried again above.
    }
  }

  /** Seconds since the page began to listen. */
  waited() {
    return (performance.now() - this.openedAt) / 1000;
  }

  age() {
    return this.heardAt === null ? null : (performance.now() - this.heardAt) / 1000;
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
