// The live page: each snapshot of the feed goes to every part, and a clock of our own says when the
// feed has fallen silent.

import { Agents } from "./agents.js";
import { OpenAlerts, RecentAlerts } from "./alerts.js";
import { Chart } from "./chart.js";
import { Choice } from "./choices.js";
import { Fates, Oddities } from "./fates.js";
import { Feed } from "./feed.js";
import { Grid, LOCATIONS, ordered, showLegend } from "./grid.js";
import { Lines } from "./lines.js";
import { Services } from "./services.js";
import { Status } from "./status.js";

const element = (id) => document.getElementById(id);

const status = new Status({
  headline: element("headline"),
  facts: element("facts"),
  fleet: element("fleet"),
  about: element("about"),
  connection: element("connection"),
  connectionText: element("connection-text"),
  content: element("content"),
});
const openAlerts = new OpenAlerts(element("open"));
const recentAlerts = new RecentAlerts(element("recent"));
const grid = new Grid(element("grid"));
const chart = new Chart(element("chart"), element("chart-caption"));
const fates = new Fates(element("fates"), element("fates-span"));
const oddities = new Oddities(element("oddities"));
const agents = new Agents(element("agents"), element("agents-count"));
const services = new Services(element("objectives"), element("services-list"), element("services-more"));
const lines = new Lines();
const service = new Choice("service", "Service", show);
const lineLocation = new Choice("location", "Location", show);
const lineBy = new Choice("by", "A line for each", show);

let snapshot = null;

showLegend(element("grid-legend"));
element("services").append(service.root);
element("lines-controls").append(lineBy.root, lineLocation.root);
element("lines-controls").addEventListener("submit", (event) => event.preventDefault());
lineBy.show([
  ["protocol", "protocol"],
  ["region", "region"],
  ["protocol,region", "both"],
]);

function show() {
  if (snapshot === null) return;
  const names = ordered(snapshot.cells.map((cell) => cell.service), []);
  const troubled = snapshot.open.map((alert) => alert.service).find((name) => names.includes(name));
  service.show(names.map((name) => [name, name]), troubled);
  element("services").hidden = names.length < 2;
  const cells = snapshot.cells.filter((cell) => cell.service === service.value);
  const locations = ordered(cells.map((cell) => cell.location), LOCATIONS);
  lineLocation.show([["", "all"], ...locations.map((name) => [name, name])]);

  status.show(snapshot, snapshot.cells);
  openAlerts.show(snapshot.open, snapshot.open_total, snapshot.now);
  recentAlerts.show(snapshot.recent, snapshot.now);
  grid.show(cells);
  fates.show(snapshot.fates.find((group) => group.labels.service === service.value), snapshot.fates_span_s);
  oddities.show(snapshot.oddities);
  services.show(snapshot.slo, snapshot.noise, snapshot.services_total);
  agents.show(snapshot.agents, snapshot.agents_total, snapshot.agents_by_status, snapshot.now);
  if (service.value !== null && snapshot.settled !== null) {
    lines.choose({
      service: service.value,
      location: lineLocation.value,
      by: lineBy.value.split(","),
      span_s: snapshot.lines_s,
    });
    lines.takeSnapshot(snapshot.cells, snapshot.settled);
    chart.draw(lines.all(), snapshot.settled, snapshot.lines_s);
  }
  status.tick(feed.age(), feed.waited(), snapshot);
}

const feed = new Feed((heard) => {
  snapshot = heard;
  show();
});
// What came with the page, until the feed is open.
feed.take(JSON.parse(element("snapshot").textContent));

setInterval(() => status.tick(feed.age(), feed.waited(), snapshot), 1000);
