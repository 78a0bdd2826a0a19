// A time graph: uPlot with the page's colours and zones, a cursor for the keyboard, a size of its own.

import uPlot from "../vendor/uplot.js";
import { setAttribute } from "./dom.js";
import { colour } from "./palette.js";
import { inUtc, onPreference } from "./preferences.js";
import { clock, day, zone } from "./times.js";

export const { stepped, linear } = uPlot.paths;
export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
const FONT_PX = 11;
const DAY_S = 86_400;

/** How a time axis tells its ticks: no finer than they are apart, the day where a new one begins. */
export function ticks(splits, incr) {
  let before = null;
  return splits.map((seconds) => {
    if (seconds === null) return null;
    const today = day(seconds);
    const isNew = before !== null && today !== before;
    before = today;
    if (incr >= DAY_S || isNew) return today.slice(5);
    return incr < 60 ? clock(seconds) : clock(seconds).slice(0, 5);
  });
}

/** An axis in the page's colours; `size` is that of its text in pixels. */
export function axis({ text = FONT_PX, ...changes } = {}) {
  return {
    font: `${text}px ${FONT}`,
    stroke: colour("muted"),
    grid: { stroke: colour("rule"), width: 1 },
    ticks: { show: false },
    ...changes,
  };
}

/** Room for a tick's text: with seconds it is wider, and a tick a minute needs none. */
const room = (text) => (_, __, first, last, width) => Math.min(6.4 * text, Math.max(4.4 * text, (60 * width) / (last - first)));

const timeAxis = (text) => axis({ text, size: Math.round(2.3 * text), space: room(text), values: (_, splits, __, ___, incr) => ticks(splits, incr) });

/**
 * One graph in `parent`. `onMove(index)` tells the data's index under the cursor, null when it leaves;
 * `onPick(seconds)` the moment that is pressed.
 */
export class Graph {
  constructor(parent, { onMove = () => {}, onPick = null } = {}) {
    this.parent = parent;
    this.onMove = onMove;
    this.plot = null;
    this.shown = null;
    this.shape = "";
    setAttribute(parent, "role", "img");
    parent.tabIndex = 0;
    parent.addEventListener("keydown", (event) => this.step(event));
    parent.addEventListener("blur", () => this.plot?.setCursor({ left: -10, top: -10 }));
    if (onPick !== null) {
      this.pick = (index) => index !== null && index !== undefined && onPick(this.plot.data[0][index]);
      parent.addEventListener("click", ({ target }) => target.closest(".u-over") && this.pick(this.plot.cursor.idx));
    }
    new ResizeObserver(() => this.redraw()).observe(parent);
    onPreference(() => this.redraw(true));
  }

  /**
   * `make()` gives uPlot's options without size, time axis and cursor; it is asked again whenever `shape`,
   * the theme or the zone is another. `span` are the first and the last second of the time axis.
   */
  show({ shape, make, height, data, span, label }) {
    this.shown = { shape, make, height, data };
    this.span = span;
    setAttribute(this.parent, "aria-label", label);
    this.redraw();
  }

  redraw(anew = false) {
    if (this.shown === null || this.parent.clientWidth === 0) return;
    const { make, height, data } = this.shown;
    const width = this.parent.clientWidth;
    if (anew || this.plot === null || this.shape !== this.shown.shape) {
      this.shape = this.shown.shape;
      this.plot?.destroy();
      this.plot = new uPlot(this.options(make(), width, height), data, this.parent);
      return;
    }
    if (this.plot.width !== width || this.plot.height !== height) this.plot.setSize({ width, height });
    this.plot.setData(data);
  }

  options({ axes, scales, hooks, text = FONT_PX, ...made }, width, height) {
    return {
      ...made,
      width,
      height,
      legend: { show: false },
      tzDate: (seconds) => (inUtc() ? uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC") : new Date(seconds * 1000)),
      axes: [timeAxis(text), ...axes],
      scales: { x: { range: () => this.span }, ...scales },
      cursor: { drag: { x: false, y: false }, y: false, points: { show: false } },
      hooks: { ...hooks, setCursor: [(plot) => this.onMove(plot.cursor.left < 0 ? null : plot.cursor.idx ?? null, plot)] },
    };
  }

  step(event) {
    const { key } = event;
    if (this.plot === null) return;
    const [times] = this.plot.data;
    const at = this.plot.cursor.left < 0 ? times.length : this.plot.cursor.idx ?? times.length;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: times.length - 1 }[key];
    if (key === "Enter") this.pick?.(this.plot.cursor.idx);
    if (to === undefined || times.length === 0) return;
    event.preventDefault();
    const index = Math.min(times.length - 1, Math.max(0, to));
    this.plot.setCursor({ left: this.plot.valToPos(times[index], "x"), top: 0 });
  }
}
