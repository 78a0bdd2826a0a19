// The page of all incidents: the open ones, how fast people are, and what was.

import { mayDo } from "./respond.js";
import { setAttribute, setIcon, setText } from "./dom.js";
import { Heard } from "./heard.js";
import { statusOf } from "./incident_words.js";
import { bindKeys } from "./keyboard.js";
import { count, plural } from "./numbers.js";
import { OpenIncidents } from "./open_incidents.js";
import { OpeningForm } from "./opening_form.js";
import { PastIncidents } from "./past_incidents.js";
import { ResponseTimes } from "./response_times.js";
import { duration } from "./times.js";
import { bindTools } from "./tools.js";

const MOST_OPEN = 100;

const element = (id) => document.getElementById(id);

const open = new OpenIncidents(element("open"));
const past = new PastIncidents(element("history"), element("filter"));
const times = new ResponseTimes(element("numbers"), element("numbers-list"), (names) => past.nameServices(names));
const opening = new OpeningForm(element("opening-form"), () => heard.now);

let shown = null;

const heard = new Heard(
  () => ["/api/v1/incidents", { state: "open", limit: MOST_OPEN }],
  (answer) => {
    shown = answer;
    // Whatever opened, or is over: the history has it, or will.
    past.refresh();
    times.refresh();
    show();
  },
  (problem) => {
    element("problem").hidden = problem === null;
    if (problem !== null) setText(element("problem"), `The incidents cannot be shown: ${problem.message}`);
  },
);

const RANK = { ok: 0, partial: 1, down: 2 };

function headline({ incidents, next }, now) {
  if (incidents.length === 0) return ["ok", "No incident is open."];
  const worst = incidents.map(statusOf).sort((a, b) => RANK[b] - RANK[a])[0];
  const oldest = Math.min(...incidents.map(({ opened_at: openedAt }) => openedAt));
  const age = duration(now - oldest);
  if (incidents.length === 1) return [worst, `One incident is open, for ${age}.`];
  return [worst, `${next === null ? count(incidents.length) : `More than ${count(incidents.length)}`} incidents are open, the oldest for ${age}.`];
}

function show() {
  if (shown === null) return;
  const { now } = heard;
  const [status, text] = headline(shown, now);
  setAttribute(element("headline"), "data-status", status);
  setIcon(element("headline").firstElementChild, status);
  setText(element("headline").lastElementChild, text);
  open.show(shown.incidents, now);
  past.show(now);
  const title = shown.incidents.length > 0 ? `${plural(shown.incidents.length, "open incident")}: Coalmine` : "Incidents: Coalmine";
  if (document.title !== title) document.title = title;
}

function tick() {
  heard.tick();
  show();
}

bindTools(() => heard.now, show);
bindKeys(element("keys"), element("keys-open"), [["l", "to the live page"]], { l: () => location.assign("/") });
mayDo("respond").then((may) => {
  element("opening").hidden = !may;
  opening.restore();
});
tick();
setInterval(tick, 1000);
