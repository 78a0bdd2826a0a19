// The page of remediation: which nodes are out and why, where that is in force, what was done, and buttons
// for operators who know better.

import { h, setAttribute, setIcon, setText } from "./dom.js";
import { Heard } from "./heard.js";
import { bindKeys } from "./keyboard.js";
import { Log } from "./remediation_log.js";
import { Outputs } from "./remediation_outputs.js";
import { Services } from "./remediation_services.js";
import { Sure } from "./remediation_sure.js";
import { mayDo, send } from "./respond.js";
import { duration, moment } from "./times.js";
import { bindTools } from "./tools.js";

const EVERY_MS = 2000;
const LOG_MS = 6000;

const element = (id) => document.getElementById(id);

const services = new Services(element("services"), overrule);
const outputs = new Outputs(element("outputs"), element("outputs-note"));
const log = new Log(element("log"));
const sure = new Sure(element("sure"));
const stop = h("button", { type: "button", class: "button" }, "Stop all of it");
const resume = h("button", { type: "button", class: "button primary", hidden: "" }, "Resume");
element("switch").append(stop, resume);

let shown = null;
let canOperate = false;
let loggedAt = -Infinity;

const heard = new Heard(
  () => ["/api/v1/remediation", {}],
  (answer) => {
    // Whatever changed is in the log, or will be.
    if (shown !== null && answer.line.text !== shown.line.text) log.refresh();
    shown = answer;
    show();
  },
  (problem) => {
    element("problem").hidden = problem === null;
    if (problem !== null) setText(element("problem"), `Remediation cannot be shown: ${problem.message}`);
  },
  EVERY_MS,
);

/** The sentence at the head, with when and why. */
function lineText({ text, since, why }, now) {
  const when = since === null ? "" : `, since ${moment(since, now)} (${duration(now - since)})`;
  return why === "" ? `${text}${when}.` : `${text}${when}: ${why}`;
}

function show() {
  if (shown === null) return;
  const { now } = heard;
  const { line, peer, holder } = shown;
  setAttribute(element("headline"), "data-status", line.status);
  setIcon(element("headline").firstElementChild, line.status);
  setText(element("headline").lastElementChild, lineText(line, now));
  setText(element("about"), peer === "" ? "" : holder ? `This aggregator acts; ${peer} stands by.` : `This aggregator stands by; ${peer} acts.`);
  stop.hidden = shown.stopped !== null;
  resume.hidden = shown.stopped === null;
  element("switch").hidden = !canOperate;
  services.show(shown, now, canOperate);
  outputs.show(shown.outputs, now);
  log.show(now);
  const title = `${line.text}: Coalmine`;
  if (document.title !== title) document.title = title;
}

function tick() {
  heard.tick();
  if (!document.hidden && performance.now() - loggedAt >= LOG_MS) {
    loggedAt = performance.now();
    log.refresh();
  }
  show();
}

/** After something was done: `text` says what. */
function done(text) {
  element("done").hidden = false;
  setText(element("done"), text);
  heard.again();
  loggedAt = -Infinity;
  tick();
}

function overrule(act, service, node) {
  const isRelease = act === "release";
  const state = act === "pin-in" ? "in" : "out";
  const effect = {
    "pin-out": "It gets no traffic until somebody releases it, as far as not too many are out.",
    "pin-in": "It gets traffic until somebody releases it, however bad it looks. It is never withdrawn.",
    release: "What is seen of it counts again, from now on.",
  }[act];
  const isDry = shown.services.find((each) => each.service === service)?.mode === "dry_run";
  sure.ask({
    title: isRelease ? `Release ${node} of ${service}?` : `Pin ${node} of ${service} ${state}?`,
    what: isDry ? `In this dry run nothing is done; in earnest: ${effect}` : effect,
    act: isRelease ? "Release it" : `Pin it ${state}`,
    needsWhy: !isRelease,
    submit: async (why) => {
      if (isRelease) await send("/api/v1/remediation/release", { service, node });
      else await send("/api/v1/remediation/pins", { service, node, state, why });
      done(isRelease ? `${node} is released.` : `${node} is pinned ${state}.`);
    },
  });
}

function askToStop() {
  if (!canOperate || shown === null || shown.stopped !== null) return;
  sure.ask({
    title: "Stop all of remediation?",
    what: "Whoever is out comes back at once, however bad it looks, and nobody is withdrawn until somebody resumes it.",
    act: "Stop it",
    needsWhy: true,
    submit: async (why) => {
      await send("/api/v1/remediation/stop", { why });
      done("Remediation is stopped.");
    },
  });
}

stop.addEventListener("click", askToStop);
resume.addEventListener("click", () =>
  sure.ask({
    title: "Resume remediation?",
    what: "Nodes are withdrawn again where the rules say so.",
    act: "Resume it",
    needsWhy: false,
    submit: async () => {
      await send("/api/v1/remediation/resume", {});
      done("Remediation goes on.");
    },
  }),
);
bindTools(() => heard.now, show);
const KEYS = [
  ["s", "stop all of it; asks first"],
  ["l", "to the live page"],
  ["i", "to the incidents"],
];
bindKeys(element("keys"), element("keys-open"), KEYS, { s: askToStop, l: () => location.assign("/"), i: () => location.assign("/incidents") });
mayDo("operate").then((may) => {
  canOperate = may;
  show();
});
tick();
setInterval(tick, 1000);
