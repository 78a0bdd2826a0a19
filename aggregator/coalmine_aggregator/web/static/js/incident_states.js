// The states of an incident: each a word, a shape and a colour.

import { h, icon, setAttribute, setText } from "./dom.js";

const MARKS = {
  investigating: () => icon("search"),
  identified: () => icon("found"),
  monitoring: () => icon("watch"),
  resolved: () => icon("ok"),
  postmortem: () => icon("learned"),
};

export const OPEN_STATES = ["investigating", "identified", "monitoring"];

export const isOpen = ({ state }) => OPEN_STATES.includes(state);

/** The word for people. */
export const stateText = (state) => (state === "postmortem" ? "post-mortem" : state);

/** A small mark of one, that can become another's. */
export class StateMark {
  constructor() {
    this.word = h("span");
    this.root = h("span", { class: "state" }, this.word);
    this.state = "";
  }

  show(state) {
    if (state === this.state) return;
    this.state = state;
    setAttribute(this.root, "data-state", state);
    setText(this.word, stateText(state));
    this.root.replaceChildren(...(Object.hasOwn(MARKS, state) ? [MARKS[state]()] : []), this.word);
  }
}
