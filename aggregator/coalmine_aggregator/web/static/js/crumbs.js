// Where somebody looks, as a trail whose every step leads back up, and the tabs of the locations.

import { LOCATIONS, ordered } from "./cells.js";
import { Choice } from "./choices.js";
import { h, setAttribute } from "./dom.js";
import { LEVELS } from "./place.js";

export class Crumbs {
  constructor({ trail, tabs }, place) {
    this.trail = trail;
    this.place = place;
    this.shape = "";
    this.location = new Choice("location", "Location", (value) =>
      place.go({ labels: { location: value || undefined, region: undefined, zone: undefined, host: undefined, protocol: undefined } }),
    );
    tabs.append(this.location.root);
  }

  show(cells) {
    const locations = ordered(cells.map((cell) => cell.location), LOCATIONS);
    this.location.show([["", "all"], ...locations.map((name) => [name, name])]);
    this.location.choose(this.place.labels.location ?? "");
    const { labels } = this.place;
    const shape = JSON.stringify(labels);
    if (shape === this.shape) return;
    this.shape = shape;
    const levels = LEVELS.filter((level) => labels[level]);
    const steps = levels.map((level) => this.step(`${level} ${labels[level]}`, level, level === levels.at(-1)));
    if (steps.length > 0 || labels.protocol) {
      steps.unshift(this.step(labels.location ? `all regions, ${labels.location}` : "all regions", undefined, false));
    }
    if (labels.protocol) steps.push(this.protocol(labels.protocol));
    this.trail.replaceChildren(...steps);
    this.trail.parentElement.hidden = steps.length === 0;
  }

  step(text, level, isHere) {
    const button = h("button", { type: "button", class: "crumb" }, text);
    setAttribute(button, "aria-current", isHere ? "location" : null);
    button.addEventListener("click", () => this.place.upTo(level));
    return h("li", {}, button);
  }

  /** The protocol narrows what is below the grid, at every level; it can be let go of anywhere. */
  protocol(name) {
    const button = h("button", { type: "button", class: "crumb drop", "aria-label": `only ${name}: show all protocols` }, `only ${name}`, h("span", { "aria-hidden": "true" }, "\u00d7"));
    button.addEventListener("click", () => this.place.go({ labels: { protocol: undefined } }));
    return h("li", {}, button);
  }
}
