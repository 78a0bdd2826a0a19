// The page's controls: groups of radio buttons drawn as segments.

import { h } from "./dom.js";

/** One group. `options` are [value, text]; `onChange(value)` is called when another is chosen. */
export class Choice {
  constructor(name, legend, onChange) {
    this.name = name;
    this.onChange = onChange;
    this.value = null;
    this.shape = "";
    this.inputs = new Map();
    this.segments = h("div", { class: "segments" });
    this.root = h("fieldset", {}, h("legend", {}, legend), this.segments);
    this.root.addEventListener("change", (event) => {
      this.value = event.target.value;
      this.onChange(this.value);
    });
  }

  /** Shows the options; `preferred` is chosen where nothing is yet. */
  show(options, preferred = options[0]?.[0] ?? null) {
    const shape = JSON.stringify(options);
    if (shape === this.shape) return;
    this.shape = shape;
    if (!options.some(([value]) => value === this.value)) this.value = preferred;
    this.inputs.clear();
    this.segments.replaceChildren(
      ...options.map(([value, text]) => {
        const input = h("input", { type: "radio", name: this.name, value });
        input.checked = value === this.value;
        this.inputs.set(value, input);
        return h("label", {}, input, h("span", {}, text));
      }),
    );
  }

  /** Chooses without telling: what was chosen elsewhere. */
  choose(value) {
    if (value === this.value || !this.inputs.has(value)) return;
    this.value = value;
    this.inputs.get(value).checked = true;
  }
}
