// Asked of a page that is closed: was there anything to do about it?

import { h, setAttribute, setText } from "./dom.js";
import { send } from "./respond.js";

export class Actionable {
  constructor() {
    this.text = h("span");
    this.yes = h("button", { type: "button", class: "answer" }, "yes");
    this.no = h("button", { type: "button", class: "answer" }, "no");
    this.said = h("span", { role: "status" });
    this.root = h("p", { class: "asked aside", hidden: "" }, this.text, this.yes, this.no, this.said);
    this.yes.addEventListener("click", () => this.answer(true));
    this.no.addEventListener("click", () => this.answer(false));
  }

  /** `canAct` says that whoever looks may answer, and that this is no past moment. */
  update(alert, canAct) {
    this.alert = alert;
    const { actionable } = alert;
    this.root.hidden = alert.severity !== "page" || (!canAct && actionable === null);
    setText(this.text, canAct ? "Was it actionable?" : `Actionable: ${actionable ? "yes" : "no"}`);
    for (const [button, means] of [[this.yes, true], [this.no, false]]) {
      button.hidden = !canAct;
      setAttribute(button, "aria-pressed", String(actionable === means));
      setAttribute(button, "aria-label", `${means ? "Yes" : "No"}: ${alert.id} was ${means ? "" : "not "}actionable`);
    }
  }

  async answer(actionable) {
    try {
      const { alert } = await send(`/api/v1/alerts/${this.alert.number}/review`, { actionable });
      setText(this.said, "");
      this.update(alert, true);
    } catch (error) {
      setText(this.said, `Not noted: ${error.message}`);
    }
  }
}
