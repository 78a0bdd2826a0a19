// The page's colours as canvases need them, and the textures of fates: colour never stands alone.

import { h } from "./dom.js";
import { onPreference } from "./preferences.js";

const probe = h("span", { hidden: "" });
const known = new Map();
const textures = new Map();
onPreference(() => {
  known.clear();
  textures.clear();
});

/** The colour that `--name` is in the theme on show. */
export function colour(name) {
  if (!known.has(name)) {
    if (!probe.isConnected) document.body.append(probe);
    probe.style.color = `var(--${name})`;
    known.set(name, getComputedStyle(probe).color);
  }
  return known.get(name);
}

export const LINE_COLOURS = 6;

/** The colour and the dashes of the line at `index`: both differ before either comes again. */
export const lineColour = (index) => colour(`line-${index % LINE_COLOURS}`);
export const lineDash = (index) => [[], [7, 3], [2, 3]][Math.floor(index / LINE_COLOURS) % 3];

const TILE = 6; // device pixels

// What is drawn on each tile, over its ground.
const MARKS = {
  lost: () => {},
  failed: (pen) => diagonal(pen),
  abandoned: (pen) => pen.fillRect(0, 0, 2, TILE),
  late: (pen) => {
    pen.fillRect(0, 0, 2, 2);
    pen.fillRect(3, 3, 2, 2);
  },
  unknown: (pen) => diagonal(pen),
  not_attempted: (pen) => pen.fillRect(0, 0, TILE, 2),
  not_expected: () => {},
};

function diagonal(pen) {
  for (let i = 0; i < TILE; i += 1) pen.fillRect(i, TILE - 1 - i, 2, 1);
}

/** A fill for datapoints of this fate. */
export function texture(pen, fate) {
  if (!textures.has(fate)) {
    const tile = h("canvas", { width: TILE, height: TILE });
    const inner = tile.getContext("2d");
    inner.fillStyle = colour(`fate-${fate.replace("_", "-")}`);
    inner.fillRect(0, 0, TILE, TILE);
    inner.fillStyle = colour(`mark-${fate.replace("_", "-")}`);
    MARKS[fate](inner);
    textures.set(fate, pen.createPattern(tile, "repeat"));
  }
  return textures.get(fate);
}

/** A key to the textures: a list of fates with a sample each. */
export function textureKey(list, fates) {
  const samples = fates.map(([fate, text]) => {
    const canvas = h("canvas", { class: "sample", width: 24, height: 16, "aria-hidden": "true" });
    list.append(h("li", {}, canvas, text));
    return [canvas, fate];
  });
  const paint = () => {
    for (const [canvas, fate] of samples) {
      const pen = canvas.getContext("2d");
      pen.fillStyle = texture(pen, fate);
      pen.fillRect(0, 0, canvas.width, canvas.height);
    }
  };
  paint();
  onPreference(paint);
}
