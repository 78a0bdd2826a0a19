// The status line: what is open, how fresh the page is, and what the aggregator says of itself.

import { STALE_S } from "./feed.js";
import { tally } from "./cells.js";
import { Keyed, h, setAttribute, setIcon, setText } from "./dom.js";
import { count, plural } from "./numbers.js";
import { both, duration, moment } from "./times.js";

const BEHIND_S = 8; // settled slots are 4 s old when all is well

/** What the headline says of a snapshot, for the cells on show: [status, text]. */
export function headlineOf(snapshot, cells) {
  const failing = snapshot.checks.filter((check) => !check.ok);
  if (snapshot.open_total > 0) {
    const oldest = Math.min(...snapshot.open.map((alert) => alert.since));
    const since = moment(oldest, snapshot.now);
    const which = snapshot.open_total > 1 ? ", the oldest" : "";
    const pages = snapshot.open_total > snapshot.open.length || snapshot.open.some((alert) => alert.severity === "page");
    const number = pages ? plural(snapshot.open_total, "alert is", "alerts are") : plural(snapshot.open_total, "ticket is", "tickets are");
    return [pages ? "down" : "partial", `${number} open${which} since ${since}.`];
  }
  if (failing.length > 0) return ["partial", `Coalmine itself is not well: ${failing.map((check) => check.name).join(", ")}.`];
  if (snapshot.settled === null || cells.length === 0) return ["unknown", "No agent has been heard yet."];
  const counts = tally(cells);
  if (counts.down + counts.partial > 0) {
    return ["partial", `No alert is open; ${plural(counts.down + counts.partial, "cell is", "cells are")} losing datapoints.`];
  }
  if (counts.unknown > 0) return ["unknown", `No loss is seen; ${plural(counts.unknown, "cell is", "cells are")} unknown.`];
  return ["ok", "Every datapoint arrives."];
}

export class Status {
  constructor(elements) {
    this.elements = elements;
    this.facts = new Keyed(elements.facts, () => {
      const name = h("dt");
      const value = h("dd");
      return {
        root: h("div", {}, name, value),
        update: ([label, text, title]) => {
          setText(name, label);
          setText(value, text);
          setAttribute(value, "title", title);
        },
      };
    });
  }

  show(snapshot, cells) {
    const { headline, fleet, about } = this.elements;
    const [status, text] = headlineOf(snapshot, cells);
    setAttribute(headline, "data-status", status);
    setIcon(headline.firstElementChild, status);
    setText(headline.lastElementChild, text);
    setText(fleet, snapshot.fleet);
    const settled = snapshot.settled;
    const rate = cells.reduce((sum, cell) => sum + (cell.received.at(-1) ?? 0), 0);
    const expected = cells.reduce((sum, cell) => sum + (cell.expected.at(-1) ?? 0), 0);
    const facts = [
      ["Sum rate", `${count(rate)} of ${count(expected)}/s`],
      ["Agents alive", `${count(snapshot.agents_by_status.alive ?? 0)} of ${count(snapshot.agents_total)}`],
      ["Settled up to", settled === null ? "nothing yet" : moment(settled, snapshot.now), settled === null ? null : both(settled)],
    ];
    for (const check of snapshot.checks.filter((item) => !item.ok)) facts.push([check.name, check.detail || "failing"]);
    if (snapshot.cells_total > snapshot.cells.length) {
      facts.push(["Not shown", plural(snapshot.cells_total - snapshot.cells.length, "cell")]);
    }
    this.facts.show(facts, ([label]) => label);
    if (about) setText(
      about,
      `Coalmine ${snapshot.version}, up ${duration(snapshot.now - snapshot.started_at)}, ` +
        `${plural(snapshot.viewers, "viewer")}.`,
    );
  }

  /** What the page says of its own age while a past moment is on show: nothing. */
  rest(open, isThere) {
    const { connection, connectionText, content } = this.elements;
    setAttribute(connection, "data-state", "past");
    setText(connectionText, "Not live");
    setAttribute(content, "data-fresh", isThere ? "yes" : "no");
    const title = `(past) ${open > 0 ? `${open} open: ` : ""}Coalmine`;
    if (document.title !== title) document.title = title;
  }

  /** Called each second, whether or not anything was heard. */
  tick(age, waited, snapshot) {
    const { connection, connectionText, content } = this.elements;
    const behind = snapshot?.settled == null ? 0 : snapshot.now - snapshot.settled;
    let state = "live";
    let text = "Live";
    if (age === null && waited > STALE_S) [state, text] = ["stale", `No answer for ${duration(waited)}`];
    else if (age === null) [state, text] = ["waiting", "Connecting"];
    else if (age > STALE_S) [state, text] = ["stale", `Stale: nothing heard for ${duration(age)}`];
    else if (behind > BEHIND_S) [state, text] = ["stale", `Settling is ${duration(behind)} behind`];
    setAttribute(connection, "data-state", state);
    setText(connectionText, text);
    setAttribute(content, "data-fresh", state === "live" ? "yes" : "no");
    const mark = { stale: "(stale) ", waiting: "" }[state] ?? "";
    const open = snapshot?.open_total ?? 0;
    const title = `${mark}${open > 0 ? `${open} open: ` : ""}Coalmine`;
    if (document.title !== title) document.title = title;
  }
}
