// The agents: who is there, how well, and what is not known of them.

import { Keyed, h, icon, setAttribute, setCell, setIcon, setText } from "./dom.js";
import { count, plural, words } from "./numbers.js";
import { duration } from "./times.js";

const ICONS = { alive: "ok", goodbye: "away", missing: "unknown", set_aside: "partial", retired: "away" };

const COLUMNS = [
  ["Agent", ""],
  ["Health", ""],
  ["Location", "wide"],
  ["Region", "wide"],
  ["Zone", "wide"],
  ["Endpoints", "number wide"],
  ["Arrived in 60 s", "number wide"],
  ["Unknown in 60 s", "number wide"],
  ["Clock behind", "number wide"],
  ["Last report", "number wide"],
  ["Version", "wide"],
];

export class Agents {
  constructor(parent, countOf) {
    this.countOf = countOf;
    this.more = h("p", { class: "aside" });
    const body = h("tbody");
    parent.append(
      h(
        "table",
        { class: "list" },
        h("thead", {}, h("tr", {}, ...COLUMNS.map(([text, kind]) => h("th", { scope: "col", class: kind }, text)))),
        body,
      ),
      this.more,
    );
    this.keyed = new Keyed(body, row);
  }

  show(agents, total, byStatus, now) {
    this.keyed.show(
      agents.map((agent) => ({ ...agent, now })),
      (agent) => JSON.stringify([agent.agent, agent.boot, agent.host]),
    );
    const parts = Object.entries(byStatus).filter(([status, number]) => number > 0 || status === "alive");
    setText(this.countOf, parts.map(([status, number]) => `${count(number)} ${words(status)}`).join(", "));
    setText(this.more, total > agents.length ? `${plural(total - agents.length, "more agent")} in /api/v1/agents.` : "");
  }
}

function row() {
  const mark = icon("ok");
  const health = h("span");
  const cells = COLUMNS.map(([, kind]) => h("td", { class: kind }));
  cells[1].append(h("span", { class: "health" }, mark, health));
  const root = h("tr", {}, ...cells);
  const update = (agent) => {
    const impaired = agent.status === "alive" && agent.impaired.length > 0;
    setAttribute(root, "data-health", impaired ? "impaired" : agent.status);
    setIcon(mark, impaired ? "partial" : ICONS[agent.status] ?? "unknown");
    const what = impaired ? `impaired: ${agent.impaired.map(words).join(", ")}` : words(agent.status);
    setCell(health, agent.note ? `${what}: ${agent.note}` : what);
    const unknown = Object.entries(agent.unknown_60s).map(([why, number]) => `${count(number)} ${words(why)}`);
    const texts = [
      agent.agent,
      null,
      agent.location,
      agent.region,
      agent.zone,
      count(agent.endpoints),
      `${count(agent.received_60s)} of ${count(agent.expected_60s)}`,
      unknown.join(", ") || "0",
      agent.offset_s === null ? "unknown" : offset(agent.offset_s),
      agent.last_slot === null ? "none yet" : `${duration(agent.now - agent.last_slot)} ago`,
      agent.version,
    ];
    texts.forEach((text, index) => text !== null && setCell(cells[index], text));
  };
  return { root, update };
}

function offset(seconds) {
  const ms = seconds * 1000;
  const sign = ms < 0 ? "\u2212" : "+";
  return Math.abs(ms) < 1000 ? `${sign}${Math.abs(ms).toFixed(1)} ms` : `${sign}${Math.abs(seconds).toFixed(1)} s`;
}
