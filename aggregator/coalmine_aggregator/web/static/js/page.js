// The page: what was heard goes to every part, once a second; the address says of what.

import { Agents } from "./agents.js";
import { OpenAlerts } from "./alerts.js";
import { BurnDown } from "./burn_down.js";
import { ordered } from "./cells.js";
import { Choice } from "./choices.js";
import { ClosedAlerts } from "./closed_alerts.js";
import { Crumbs } from "./crumbs.js";
import { Duty } from "./duty.js";
import { Fates, Oddities } from "./fates.js";
import { Feed } from "./feed.js";
import { Grid, showLegend } from "./grid.js";
import { bindKeys } from "./keyboard.js";
import { Latency } from "./latency.js";
import { Ongoing } from "./ongoing.js";
import { Past, copyButton } from "./past.js";
import { Place } from "./place.js";
import { Range } from "./range.js";
import { Rates } from "./rates.js";
import { RemediationLine } from "./remediation_line.js";
import { mayDo } from "./respond.js";
import { Services } from "./services.js";
import { Status } from "./status.js";
import { Strip } from "./strip.js";
import { bindTools } from "./tools.js";

const element = (id) => document.getElementById(id);

// What came with the page is of now, until the feed is open.
const first = JSON.parse(element("snapshot").textContent);
const ahead = first.now - Date.now() / 1000; // of this machine's clock, which may be wrong
const now = () => Date.now() / 1000 + ahead;
const place = new Place(arrive, first.now);
// A slot is settled, and so the newest one of a moment, this long after it began.
const SETTLE_S = 3;
const pick = { onPick: (slot) => place.go({ at: slot + SETTLE_S }) };

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
const ongoing = new Ongoing(element("incidents"), () => show());
const remediation = new RemediationLine(element("remediation"));
const closedAlerts = new ClosedAlerts(element("recent"));
const duty = new Duty(element("duty-fold"), element("duty"));
const grid = new Grid({ title: element("grid-title"), grid: element("grid"), note: element("grid-note") }, place);
const crumbs = new Crumbs({ trail: element("crumbs"), tabs: element("locations") }, place);
const range = new Range(element("range"), place);
const rates = new Rates({ graph: element("rates"), key: element("rates-key"), choices: element("rates-choices"), caption: element("rates-caption") }, place, pick);
const strip = new Strip(
  {
    section: element("strip-section"),
    strip: element("strip"),
    choices: element("strip-choices"),
    pages: element("strip-pages"),
    key: element("strip-key"),
    summary: element("strip-summary"),
    table: element("strip-table"),
  },
  pick,
);
const latency = new Latency({ section: element("latency-section"), list: element("latency"), caption: element("latency-caption") });
const fates = new Fates(element("fates"), element("fates-span"), place);
const oddities = new Oddities(element("oddities"));
const agents = new Agents(element("agents"), element("agents-count"));
const services = new Services(element("objectives"), element("services-list"), element("services-more"));
const burnDown = new BurnDown({ section: element("burn-down-section"), graph: element("burn-down"), caption: element("burn-down-caption") });
const service = new Choice("service", "Service", (name) => place.go({ labels: { service: name } }));
const past = new Past(element("past"), place, hear, now);
const feed = new Feed((heard) => place.at === null && hear(heard));

let snapshot = null;
let usual = null; // the service that is on show where the address names none
let names = [];
let canRespond = false;

function hear(heard) {
  snapshot = heard;
  show();
}

/** Somewhere else, or at another time. */
function arrive() {
  if (place.at === null) feed.open();
  else feed.close();
  past.show();
  show();
}

/** The second that is on show: a link to it reopens it. */
const secondOnShow = () => Math.floor(snapshot?.now ?? now());

/** Whether what was heard last is of where the address leads. */
const isThere = () => place.at === null || secondOnShow() === place.at;

function show() {
  if (snapshot === null || !isThere()) {
    tick();
    return;
  }
  // A snapshot has the sums of every service, but not always room for the cells of all.
  const known = snapshot.fates.map(({ labels }) => labels.service).filter((name) => !name.startsWith("_"));
  names = ordered([...known, ...snapshot.cells.map((cell) => cell.service)], []);
  const troubled = snapshot.open.map((alert) => alert.service).find((name) => names.includes(name));
  if (!names.includes(usual)) usual = troubled ?? names[0] ?? null;
  service.show(names.map((name) => [name, name]), usual);
  const named = place.labels.service ?? usual;
  service.choose(named);
  element("services").hidden = names.length < 2;
  const labels = named === null ? place.labels : { ...place.labels, service: named };
  const cells = snapshot.cells.filter((cell) => cell.service === named);
  const end = snapshot.settled;

  status.show(snapshot, snapshot.cells);
  element("to-open").hidden = snapshot.open.length === 0;
  const canAct = canRespond && place.at === null;
  ongoing.show(snapshot.open, snapshot.now, place.at === null);
  remediation.show(snapshot.remediation, snapshot.now, place.at === null);
  openAlerts.show(snapshot.open, snapshot.open_total, snapshot.now, canAct, (alert) => ongoing.of(alert));
  duty.show(canAct);
  closedAlerts.show(snapshot.recent, snapshot.now, place.at !== null, canAct);
  crumbs.show(cells);
  fates.show(snapshot, labels, end);
  oddities.show(snapshot.oddities);
  services.show(snapshot.slo, snapshot.noise, snapshot.services_total);
  agents.show(snapshot.agents, snapshot.agents_total, snapshot.agents_by_status, snapshot.now);
  range.show();
  if (named !== null && end !== null) {
    grid.show(cells, labels, end, cells.length === 0 && snapshot.cells_total > snapshot.cells.length);
    rates.show(labels, range, snapshot);
    const past = place.at === null ? null : end;
    strip.show(labels, range, past);
    latency.show(labels, range, past);
    burnDown.show(named, place.at);
  }
  tick();
}

function tick() {
  if (place.at === null) status.tick(feed.state, snapshot);
  else status.rest(snapshot?.open_total ?? 0, isThere());
}

showLegend(element("grid-legend"));
element("services").append(service.root);
bindTools(
  () => snapshot?.now ?? now(),
  () => {
    past.show();
    show();
  },
);
copyButton(element("copy"), () => place.link(secondOnShow(), names.length > 1 ? { service: usual } : {}));
const minutes = (by) => () => place.go({ at: (place.at ?? secondOnShow()) + by });
const KEYS = [
  ["Arrows", "between the cells of the grid, or along a graph"],
  ["Enter", "into a cell; on a graph, to that moment"],
  ["Page \u2191\u2193", "on the loss strip, to other series"],
  ["Esc", "one level up"],
  ["l", "back to live"],
  ["[ and ]", "a minute earlier, a minute later"],
  ["i", "to the incidents"],
];
bindKeys(element("keys"), element("keys-open"), KEYS, {
  Escape: () => place.up(),
  l: () => place.go({ at: null }),
  "[": minutes(-60),
  "]": () => place.at !== null && minutes(60)(),
  i: () => location.assign("/incidents"),
});
// Links within the page go there without loading it again.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-at], a[data-labels]");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const { at, labels } = link.dataset;
  if (at !== undefined) place.go({ at: Number(at) });
  else place.go({ labels: { location: undefined, region: undefined, protocol: undefined, zone: undefined, host: undefined, ...JSON.parse(labels) } });
});

// On a phone the grid comes before what is to be read: the first line has said what is wrong.
const narrow = matchMedia("(max-width: 720px)");
const arrange = () => element(narrow.matches ? "delivery" : "status").after(element("incidents"), element("remediation"), element("open"));
narrow.addEventListener("change", arrange);
arrange();
mayDo("respond").then((may) => {
  canRespond = may;
  show();
});
if (place.at === null) feed.take(first);
arrive();
setInterval(() => {
  feed.watch();
  past.show();
  // A past moment is asked about once; live, each snapshot asks for what it needs.
  if (place.at !== null) show();
  else tick();
}, 1000);
