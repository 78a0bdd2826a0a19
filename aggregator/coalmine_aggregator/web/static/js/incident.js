// The page of one incident: what is known, what was said, and what there is to say.

import { AffectedScopes } from "./affected_scopes.js";
import { setText } from "./dom.js";
import { showDue } from "./due.js";
import { Heard } from "./heard.js";
import { ImpactTable } from "./impact_table.js";
import { IncidentHead } from "./incident_head.js";
import { isOpen } from "./incident_states.js";
import { KeptGraphs } from "./kept_graphs.js";
import { bindKeys } from "./keyboard.js";
import { MoreActs } from "./more_acts.js";
import { PostmortemPart } from "./postmortem_part.js";
import { PublicPart } from "./public_part.js";
import { mayDo } from "./respond.js";
import { Timeline } from "./timeline.js";
import { bindTools } from "./tools.js";
import { UpdateForm } from "./update_form.js";

const element = (id) => document.getElementById(id);

const number = Number(location.pathname.split("/").at(-1));
const address = `/api/v1/incidents/${number}`;
const may = { respond: false, operate: false };

let shown = null;

const head = new IncidentHead({ headline: element("headline"), facts: element("facts"), line: element("state-line") });
const timeline = new Timeline(element("timeline"), element("timeline-note"));
const impact = new ImpactTable(element("impact"), element("impact-note"));
const affected = new AffectedScopes(element("affected"));
const graphs = new KeptGraphs(element("graphs-section"), element("graphs"));
const act = { address, done: () => heard.again() };
const publicPart = new PublicPart(element("public-body"), act);
const update = new UpdateForm(element("update-form"), act, (draft) => publicPart.draft(draft));
const more = new MoreActs(element("acts-body"), act);
const postmortem = new PostmortemPart({ body: element("postmortem"), note: element("postmortem-note"), file: element("postmortem-file") }, act);

const heard = new Heard(
  () => [address, { after: timeline.after }],
  (answer) => {
    shown = answer;
    if (timeline.take(answer)) heard.again();
    element("incident").hidden = false;
    arrange();
    show();
  },
  (problem) => {
    element("problem").hidden = problem === null;
    if (problem !== null) setText(element("problem"), problem.isAbsent ? `There is no incident ${number}.` : `It cannot be shown: ${problem.message}`);
  },
);

/** Who may do what is known, or the incident is another: what there is to press follows. */
function arrange() {
  const { incident } = shown;
  const canRespond = may.respond && incident.merged_into === null;
  element("update").hidden = !canRespond;
  setText(element("update-title"), isOpen(incident) ? "Say what is known" : "Add to it");
  placeForm(isOpen(incident));
  element("acts").hidden = !canRespond;
  update.show(incident, canRespond);
  publicPart.show(shown, { respond: canRespond, operate: may.operate && incident.merged_into === null });
  more.show(incident);
  impact.show(incident, heard.now);
  graphs.show(shown, address);
  postmortem.show(shown, canRespond);
}

/** Of one that is over, what was comes before what may be added; never under the hands of who writes. */
function placeForm(first) {
  const form = element("update");
  if (form.contains(document.activeElement)) return;
  const [before, after] = first ? [form, element("public")] : [element("course"), form];
  if (before.nextElementSibling !== after) before.after(after);
}

function show() {
  if (shown === null) return;
  const { incident } = shown;
  const { now } = heard;
  head.show(incident, now);
  showDue(element("due"), incident, now);
  timeline.show(incident.service, now);
  affected.show(incident, now);
  publicPart.tick(now);
  const title = `${incident.number} ${incident.state}: ${incident.title}`;
  if (document.title !== title) document.title = title;
}

function tick() {
  heard.tick();
  show();
}

const KEYS = [
  ["u", "to the next update"],
  ["i", "to all incidents"],
  ["l", "to the live page"],
];
bindTools(
  () => heard.now,
  () => {
    if (shown !== null) arrange();
    show();
  },
);
bindKeys(element("keys"), element("keys-open"), KEYS, {
  u: () => update.focus(),
  i: () => location.assign("/incidents"),
  l: () => location.assign("/"),
});
for (const scope of Object.keys(may)) {
  mayDo(scope).then((does) => {
    may[scope] = does;
    if (shown !== null) arrange();
  });
}
tick();
setInterval(tick, 1000);
