// Whether what a part shows is what it is asked for: what is of elsewhere, or old, is drawn as such.

import { setAttribute } from "./dom.js";

export class Fresh {
  constructor(...elements) {
    this.elements = elements;
    this.wanted = null;
    this.shown = null;
  }

  /** `key` says of what it is to be from now on. */
  want(key) {
    if (key === this.wanted) return;
    this.wanted = key;
    if (!this.isHere) this.say("no");
  }

  /** What is on show is what was asked for last. */
  arrived() {
    this.shown = this.wanted;
    this.say("yes");
  }

  /** There is no answer: what is of here is old from now on; what is of elsewhere is none, `remove()` takes it away. */
  failed(remove) {
    if (!this.isHere) {
      remove();
      this.shown = undefined;
    }
    this.say("no");
  }

  /** Whether what is on show, be it old, is of what was asked for last. */
  get isHere() {
    return this.shown === this.wanted;
  }

  say(fresh) {
    for (const element of this.elements) setAttribute(element, "data-fresh", fresh);
  }
}
