// How the error budget of the service on show was spent over the window of its objective.

import { Asking } from "./asking.js";
import { setText } from "./dom.js";
import { Graph, axis, linear } from "./graph.js";
import { percent } from "./numbers.js";
import { colour } from "./palette.js";
import { both, duration, moment, zone } from "./times.js";
import { hideTip, showTip } from "./tip.js";

const POINTS = 240;
const REFRESH_MS = 60_000;
const HEIGHT_PX = 190;
const WHOLE_S = 120; // a window that is short of so little is whole: points are of whole minutes
const LEAST = -1; // what is overspent by more is told, and drawn at the edge

export class BurnDown {
  constructor({ section, graph, caption }) {
    this.section = section;
    this.caption = caption;
    this.points = [];
    this.graph = new Graph(graph, { onMove: (index, plot) => this.move(index, plot) });
    graph.addEventListener("pointerleave", hideTip);
    this.asking = new Asking({
      onAnswer: (answer) => this.take(answer),
      onProblem: () => {
        section.hidden = true;
      },
    });
  }

  /** `at` is a past second, null: now. */
  show(service, at) {
    this.asking.want(`/api/v1/slo/${encodeURIComponent(service)}/burn-down`, { points: POINTS, at }, at === null ? REFRESH_MS : Infinity);
  }

  take({ points, objective, window_s: window, now }) {
    this.points = points;
    const begin = points[0]?.slot ?? now - window;
    const isYoung = begin > now - window + WHOLE_S;
    this.section.hidden = points.length === 0;
    const left = points.map((point) => (point.left === null ? null : Math.max(LEAST, point.left)));
    const last = points.at(-1)?.left ?? null;
    this.graph.show({
      shape: "one",
      make: options,
      height: HEIGHT_PX,
      data: [points.map(({ slot }) => slot), left],
      span: [begin, now],
      label: `Error budget left over ${duration(window)}: ${last === null ? "nothing known" : percentLeft(last)}`,
    });
    setText(
      this.caption,
      `What is left of the error budget, over ${duration(window)} at an objective of ${Number((objective * 100).toFixed(6))} %; beneath zero it is overspent.${isYoung ? ` Nothing is kept from before ${moment(begin + 1, now)}.` : ""} Times in ${zone(now)}.`,
    );
  }

  move(index, plot) {
    const point = index === null ? undefined : this.points[index];
    if (!point) {
      hideTip();
      return;
    }
    const { top, left } = plot.over.getBoundingClientRect();
    showTip([point.left === null ? "nothing known" : percentLeft(point.left), both(point.slot)], left + plot.cursor.left, top + plot.cursor.top);
  }
}

const percentLeft = (left) => (left < 0 ? `overspent by ${percent(-left)}` : `${percent(left)} left`);

function options() {
  return {
    padding: [8, 20, 0, 0],
    scales: { y: { range: (_, min) => [Math.min(0, min), 1.02] } },
    series: [{}, { stroke: colour("line-0"), fill: colour("line-0-fill"), width: 1.75, paths: linear(), points: { show: false } }],
    axes: [axis({ size: 52, values: (_, splits) => splits.map((value) => `${Math.round(value * 100)} %`) })],
  };
}
