// The live feed, and how old what it last said is.

const RETRY_MS = 3000;
export const STALE_S = 3;

/** Calls `onSnapshot(snapshot)`; `age()` is seconds since the last one, null before the first. */
export class Feed {
  constructor(onSnapshot) {
    this.onSnapshot = onSnapshot;
    this.heardAt = null;
    this.openedAt = performance.now();
    this.open();
  }

  open() {
    this.source = new EventSource("/api/v1/live");
    this.source.addEventListener("snapshot", (event) => this.take(JSON.parse(event.data)));
    this.source.addEventListener("error", () => {
      // The browser reconnects by itself, unless the answer was no stream at all.
      if (this.source.readyState === EventSource.CLOSED) this.refused();
    });
  }

  take(snapshot) {
    this.heardAt = performance.now();
    this.onSnapshot(snapshot);
  }

  async refused() {
    try {
      const answer = await fetch("/api/v1/alerts?limit=1");
      if (answer.status === 401) {
        location.assign("/login");
        return;
      }
    } catch {
      // Nobody there: try again below.
    }
    setTimeout(() => this.open(), RETRY_MS);
  }

  /** Seconds since the page began to listen. */
  waited() {
    return (performance.now() - this.openedAt) / 1000;
  }

  age() {
    return this.heardAt === null ? null : (performance.now() - this.heardAt) / 1000;
  }
}
