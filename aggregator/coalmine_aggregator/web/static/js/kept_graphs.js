// The graphs that are kept with an incident, as they were drawn then.

import { Keyed, h, setAttribute, setText } from "./dom.js";

const WORDS = {
  opened: "Sum rates and loss soon after it was opened",
  resolved: "Sum rates and loss over the whole course",
};

export class KeptGraphs {
  constructor(section, parent) {
    this.section = section;
    this.keyed = new Keyed(parent, figure);
  }

  show({ incident, snapshots }, address) {
    this.section.hidden = snapshots.length === 0;
    // One of the whole course is drawn anew where an incident went on after all.
    const items = [...snapshots].reverse().map((name) => ({ name, source: `${address}/snapshots/${encodeURIComponent(name)}.svg`, version: incident.resolved_at ?? 0 }));
    this.keyed.show(items, ({ name, version }) => `${name} ${name === "resolved" ? version : ""}`);
  }
}

function figure({ name, source }) {
  const text = WORDS[name] ?? name;
  const image = h("img", { src: source, alt: `${text}; the numbers are in the table of its impact` });
  const link = h("a", { href: source, target: "_blank", rel: "noopener" }, image);
  const caption = h("figcaption");
  setText(caption, text);
  setAttribute(link, "aria-label", `${text}: open the picture`);
  return { root: h("figure", { class: "kept" }, link, caption), update: () => {} };
}
