// A past moment: its banner, the way back, the minute before and after, the link that reopens it.

import { Asking } from "./asking.js";
import { h, setAttribute, setText } from "./dom.js";
import { both, duration, full } from "./times.js";

const COPIED_MS = 2500;

export class Past {
  /** `onMoment(snapshot)` gets what the page showed at that moment; `now()` is the aggregator's own time. */
  constructor(banner, place, onMoment, now) {
    this.now = now;
    this.banner = banner;
    this.place = place;
    this.problem = "";
    this.text = h("p", { role: "status" });
    const button = (text, title, act) => {
      const made = h("button", { type: "button", class: "button", title }, text);
      made.addEventListener("click", act);
      return made;
    };
    const by = (seconds) => () => place.go({ at: place.at + seconds });
    banner.append(
      this.text,
      h(
        "div",
        { class: "buttons" },
        button("\u22121 min", "One minute earlier", by(-60)),
        button("\u22121 s", "One second earlier", by(-1)),
        button("+1 s", "One second later", by(1)),
        button("+1 min", "One minute later", by(60)),
        button("Back to live", null, () => place.go({ at: null })),
      ),
    );
    this.asking = new Asking({
      onAnswer: (snapshot) => {
        this.problem = "";
        onMoment(snapshot);
      },
      onProblem: (problem) => {
        this.problem = problem.isAbsent ? "Nothing is kept of this moment." : `This moment cannot be shown: ${problem.message}`;
      },
    });
  }

  /** Called each second. */
  show() {
    const { at } = this.place;
    this.banner.hidden = at === null;
    this.asking.want("/api/v1/moment", at === null ? null : { at });
    if (at === null) {
      this.problem = "";
      return;
    }
    setText(this.text, `Not live: ${full(at)}, ${duration(this.now() - at)} ago. ${this.problem}`);
    setAttribute(this.text, "title", both(at));
  }
}

/** The button that copies the address which reopens the moment on show. */
export function copyButton(button, linkNow) {
  const usual = [...button.childNodes];
  button.addEventListener("click", async () => {
    const link = linkNow();
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      // Without TLS there is no clipboard: the address itself then has the link.
      history.pushState(null, "", link);
      dispatchEvent(new PopStateEvent("popstate"));
      said = "Copy the address";
    }
    button.replaceChildren(h("span", { role: "status" }, said));
    setTimeout(() => button.replaceChildren(...usual), COPIED_MS);
  });
}
