// Who works on an open alert, why nobody is told of it, and the button that takes it on.

import { h, setAttribute, setText } from "./dom.js";
import { send } from "./respond.js";
import { moment } from "./times.js";

/** What has become of telling somebody; empty where there is nothing to say. */
function stateOf(alert, now) {
  if (alert.acknowledged_at !== null) return `Acknowledged by ${alert.acknowledged_by}, ${moment(alert.acknowledged_at, now)}`;
  if (alert.held === null) return "";
  const { kind, until, by, who, why } = alert.held;
  const end = until === null ? "" : ` until ${moment(until, now)}`;
  if (kind === "inhibited") return `Not told: ${by} is open, and wider`;
  if (kind === "hours") return `Not told outside of its hours${end}`;
  return `Not told${end}: ${kind} ${by} by ${who}: ${why}`;
}

export class Acknowledge {
  constructor() {
    this.state = h("p", { class: "taken", tabindex: "-1", hidden: "" });
    this.button = h("button", { type: "button", class: "button", hidden: "" }, "Acknowledge");
    this.said = h("p", { class: "aside", role: "status" });
    this.root = h("div", { class: "acknowledge" }, this.state, this.button, this.said);
    this.button.addEventListener("click", () => this.press());
    this.sending = false;
  }

  /** `canAct` says that whoever looks may acknowledge, and that this is no past moment. */
  update(alert, now, canAct) {
    this.shown = [alert, now, canAct];
    const state = stateOf(alert, now);
    setText(this.state, state);
    this.state.hidden = state === "";
    setAttribute(this.button, "aria-label", `Acknowledge ${alert.id}`);
    this.button.hidden = !canAct || alert.acknowledged_at !== null;
  }

  async press() {
    if (this.sending) return; // a button that is disabled would lose the focus
    this.sending = true;
    const [alert, now, canAct] = this.shown;
    try {
      const answer = await send(`/api/v1/alerts/${alert.number}/ack`, {});
      setText(this.said, "");
      this.update(answer.alert, now, canAct);
      this.state.focus();
    } catch (error) {
      setText(this.said, `Not acknowledged: ${error.message}`);
    } finally {
      this.sending = false;
    }
  }
}
