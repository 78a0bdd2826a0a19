// What the API said last of something, asked again every few seconds; the head says how old that is.

import { Asking } from "./asking.js";
import { setAttribute, setText } from "./dom.js";
import { duration } from "./times.js";

const EVERY_MS = 4000;
const STALE_S = 15;

const element = (id) => document.getElementById(id);

export class Heard {
  /**
   * `question()` is [path, query] of what is asked next; `onAnswer(answer)` is called with each answer
   * that differs from the one before, `onProblem(problem)` with null once there is none any more. It is
   * asked again after `everyMs`.
   */
  constructor(question, onAnswer, onProblem, everyMs = EVERY_MS) {
    this.everyMs = everyMs;
    this.question = question;
    this.openedAt = performance.now();
    this.heardAt = null;
    this.serverNow = Date.now() / 1000;
    this.told = "";
    this.asking = new Asking({
      onAnswer: (answer) => {
        this.heardAt = performance.now();
        this.serverNow = answer.now;
        onProblem(null);
        const told = JSON.stringify({ ...answer, now: 0 });
        if (told !== this.told) {
          this.told = told;
          onAnswer(answer);
        }
        this.tick();
      },
      onProblem,
    });
  }

  /** The aggregator's own time. */
  get now() {
    return this.heardAt === null ? this.serverNow : this.serverNow + (performance.now() - this.heardAt) / 1000;
  }

  /** Something was done: what is told is out of date. */
  again() {
    this.asking.again();
    this.tick();
  }

  /** Called each second. */
  tick() {
    this.asking.want(...this.question(), this.everyMs);
    const silent = (performance.now() - (this.heardAt ?? this.openedAt)) / 1000;
    const isStale = silent > STALE_S && !document.hidden;
    const [state, text] = isStale ? ["stale", `No answer for ${duration(silent)}`] : this.heardAt === null ? ["waiting", "Connecting"] : ["live", "Live"];
    setAttribute(element("connection"), "data-state", state);
    setText(element("connection-text"), text);
    setAttribute(element("content"), "data-fresh", state === "live" ? "yes" : "no");
  }
}
