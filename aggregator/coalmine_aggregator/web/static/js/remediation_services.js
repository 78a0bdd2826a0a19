// A panel for each service: its mode and rules, the nodes that stand out, and the rest folded away.

import { Keyed, h, icon, setAttribute, setText } from "./dom.js";
import { Nodes } from "./remediation_nodes.js";
import { modeText, rulesText } from "./remediation_words.js";
import { count, plural } from "./numbers.js";

export class Services {
  constructor(parent, onAct) {
    this.keyed = new Keyed(parent, ({ service }) => panel(service.service, onAct));
  }

  show(answer, now, canOperate) {
    this.keyed.show(answer.services.map((service) => ({ service, answer, now, canOperate })), ({ service }) => service.service);
  }
}

function panel(name, onAct) {
  const mode = h("span", { class: "state mode" });
  const rules = h("span", { class: "rules" });
  const frozenText = h("span");
  const frozen = h("p", { class: "frozen", hidden: "" }, icon("down"), frozenText);
  const act = (deed, node) => onAct(deed, name, node);
  const notable = new Nodes(`Nodes of ${name} that stand out`, act);
  const well = new Nodes(`Nodes of ${name} that are well`, act);
  const summary = h("summary");
  const fold = h("details", { class: "well" }, summary, well.root);
  const none = h("p", { class: "aside" });
  const root = h("section", { class: "panel", "aria-label": `Nodes of ${name}`, "data-service": name }, h("div", { class: "section-head" }, h("h2", {}, name), mode), h("p", { class: "service-line" }, rules), frozen, none, notable.root, fold);
  const update = ({ service, answer, now, canOperate }) => {
    setText(mode, modeText(service.mode));
    setAttribute(mode, "data-mode", service.mode);
    setText(rules, rulesText(service));
    frozen.hidden = service.frozen === "";
    setText(frozenText, `Frozen: ${service.frozen}`);
    const items = service.nodes.map((node) => itemOf(node, service, answer));
    const [standing, rest] = [items.filter(isNotable), items.filter((item) => !isNotable(item))];
    none.hidden = standing.length > 0;
    setText(none, noneText(service, items));
    notable.show(standing, now, canOperate);
    well.show(rest, now, canOperate);
    fold.hidden = rest.length === 0;
    const hidden = service.nodes_total - service.nodes.length;
    setText(summary, `${plural(rest.length, "node that is well", "nodes that are well")}${hidden > 0 ? `, and ${count(hidden)} more that are not listed` : ""}`);
  };
  return { root, update };
}

function noneText({ nodes_total: total, mode }, items) {
  if (total === 0) return "Nobody knows which nodes it has yet: nothing is decided.";
  return mode === "stopped" ? "Nobody is withdrawn while it is stopped." : `All ${count(items.length)} are well.`;
}

const isNotable = ({ node, out, held, pin, told }) => node.verdict !== "healthy" || out !== undefined || held !== undefined || pin !== undefined || told.some(({ kind }) => kind === "down");

/** All that is known of a node, put together. */
function itemOf(node, service, { outputs, pins }) {
  const isIt = (each) => each.node === node.node;
  const out = service.withdrawn.find(isIt);
  return {
    node,
    out,
    held: service.held.find(isIt),
    pin: pins.find((each) => isIt(each) && each.service === service.service),
    checked: service.verifying.find(isIt),
    told: outputs.map((output) => toldBy(output, service.service, node.node, out)).filter((each) => each !== null),
    isDry: service.mode === "dry_run",
  };
}

/** What is in force of it in one place; null where nobody asks. */
function toldBy({ name, out }, service, node, wanted) {
  if (out === null) return wanted === undefined ? null : { kind: "unknown", text: `${name}: not known` };
  const isOut = out[service]?.includes(node) ?? false;
  if (!isOut && wanted === undefined) return null;
  return { kind: isOut ? "down" : "ok", text: `${name}: ${isOut ? "out" : "in"}` };
}
