// Building and updating elements. Every text goes in as a text node: labels are data, never markup.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = new URL("../icons.svg", import.meta.url).pathname; // of the same build
const LONG = 40;

/** An HTML element with attributes and children (elements or texts). */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

/** Sets, or with null removes, an attribute, only where that changes it. */
export function setAttribute(element, name, value) {
  if (value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Sets the text, only where that changes it, so that selections and screen readers are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The text of a cell in a table; what is too long for any column may be broken anywhere. */
export function setCell(cell, text) {
  setText(cell, text);
  setAttribute(cell, "data-long", text.length > LONG ? "" : null);
}

const drawing = (name) => `${ICONS}#${name}`;

/** One of `icons.svg`, in the colour of the text beside it. */
export function icon(name) {
  return s("svg", { class: "icon", "aria-hidden": "true" }, s("use", { href: drawing(name) }));
}

export function setIcon(svg, name) {
  setAttribute(svg.firstElementChild, "href", drawing(name));
}

/**
 * Keeps one child of `parent` per item, in their order. `make(item)` gives an object with `root` and
 * `update(item)`; children whose key is still there are updated in place, so focus stays.
 */
export class Keyed {
  constructor(parent, make) {
    this.parent = parent;
    this.make = make;
    this.parts = new Map();
  }

  show(items, keyOf) {
    const parts = new Map();
    let before = this.parent.firstElementChild;
    for (const item of items) {
      const key = keyOf(item);
      const part = this.parts.get(key) ?? this.make(item);
      this.parts.delete(key);
      parts.set(key, part);
      part.update(item);
      if (part.root === before) before = before.nextElementSibling;
      else this.parent.insertBefore(part.root, before);
    }
    for (const part of this.parts.values()) part.root.remove();
    this.parts = parts;
  }
}
