// The page for a screen on a wall: the same second, larger, with nothing to press.

import { figureOf, scopeText, titleOf } from "./alert_words.js";
import { ordered } from "./cells.js";
import { Keyed, h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { Feed, onNewBuild } from "./feed.js";
import { regionTables } from "./grid.js";
import { Matrix } from "./matrix.js";
import { plural } from "./numbers.js";
import { Place } from "./place.js";
import { Range } from "./range.js";
import { Rates } from "./rates.js";
import { Status } from "./status.js";
import { duration, full } from "./times.js";

const MAX_ALERTS = 4;
const TURN_S = 15; // where there are several services, each is on show for this long

const element = (id) => document.getElementById(id);
const first = JSON.parse(element("snapshot").textContent);
const place = new Place(() => {}, first.now);
const status = new Status({
  headline: element("headline"),
  facts: element("facts"),
  fleet: element("fleet"),
  about: null,
  connection: element("connection"),
  connectionText: element("connection-text"),
  content: element("content"),
});
const grid = new Matrix(element("grid"), null);
const rates = new Rates({ graph: element("rates"), caption: element("rates-caption") }, place, { wall: true });
const range = new Range(h("div"), place);
const alerts = new Keyed(element("open"), alertLine);

let snapshot = null;

/** The one that is asked for, or in trouble, else each in turn. */
function serviceOnShow(names) {
  if (place.labels.service) return place.labels.service;
  const troubled = snapshot.open.map((alert) => alert.service).find((name) => names.includes(name));
  return troubled ?? names[Math.floor(snapshot.now / TURN_S) % names.length];
}

function show() {
  const names = ordered(snapshot.cells.map((cell) => cell.service), []);
  status.show(snapshot, snapshot.cells);
  setText(element("clock"), full(snapshot.now));
  const open = snapshot.open.slice(0, MAX_ALERTS);
  element("open").hidden = open.length === 0;
  const isAlone = snapshot.open_total === 1;
  alerts.show(open.map((alert) => ({ alert, now: snapshot.now, isAlone })), ({ alert }) => alert.number);
  const left = snapshot.open_total - open.length;
  setText(element("fleet"), [snapshot.fleet, left > 0 ? `${plural(left, "more alert")} open` : ""].filter(Boolean).join(" \u00b7 "));
  if (names.length > 0) {
    const service = serviceOnShow(names);
    grid.show(...regionTables(snapshot.cells.filter((cell) => cell.service === service)));
    rates.show({ service }, range, snapshot);
  }
  tick();
}

const tick = () => status.tick(feed.state, snapshot);

function alertLine() {
  const mark = icon("down");
  const title = h("h2");
  const scope = h("p", { class: "where" });
  const figure = h("p");
  const age = h("p", { class: "age" });
  const root = h("article", { class: "wall-alert" }, mark, h("div", {}, title, scope), figure, age);
  // One has room; of several each has a line, so that the graph keeps its own.
  const update = ({ alert, now, isAlone }) => {
    setAttribute(root, "data-severity", alert.severity);
    setIcon(mark, alert.severity === "page" ? "down" : "partial");
    setText(title, isAlone ? titleOf(alert) : alert.headline);
    setText(scope, isAlone ? scopeText(alert.scope, alert.service) : "");
    setText(figure, figureOf(alert));
    setText(age, duration(now - alert.since));
  };
  return { root, update };
}

const feed = new Feed((heard) => {
  snapshot = heard;
  show();
});
// Nobody is there to press anything.
onNewBuild(() => location.reload());
feed.take(first);
feed.open();
setInterval(() => {
  feed.watch();
  tick();
}, 1000);
