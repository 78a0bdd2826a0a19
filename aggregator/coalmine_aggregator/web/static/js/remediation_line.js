// On the live page: that nodes are out of service discovery, or why none can be.

import { h, icon, setIcon, setText } from "./dom.js";
import { duration } from "./times.js";

export class RemediationLine {
  constructor(parent) {
    this.parent = parent;
    this.icon = icon("partial");
    this.text = h("span");
    parent.append(h("a", { href: "/remediation" }, this.icon, this.text));
  }

  /** `line` is null where there is nothing to say, `isLive` says that it is of now. */
  show(line, now, isLive) {
    this.parent.hidden = line === null || !isLive;
    if (line === null) return;
    setIcon(this.icon, line.status);
    const when = line.since === null ? "" : `, for ${duration(now - line.since)}`;
    setText(this.text, `Remediation. ${line.text}${when}${line.why === "" ? "" : `: ${line.why}`}`);
  }
}
