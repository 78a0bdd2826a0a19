// The status line: what is open, how fresh the page is, and what the aggregator says of itself.

import { STALE_S } from "./feed.js";
import { Keyed, h, setAttribute, setIcon, setText } from "./dom.js";
import { count, plural } from "./numbers.js";
import { both, duration, moment } from "./times.js";

const BEHIND_S = 8; // settled slots are 4 s old when all is well

/** The first line of a snapshot. Since when is told here, in the zone that people read. */
export function headlineText({ text, since, more }, now) {
  const parts = [text];
  if (since !== null) parts.push(`since ${moment(since, now)}`);
  if (more > 0) parts.push(`and ${count(more)} more`);
  return `${parts.join(", ")}.`;
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
    const { status } = snapshot.headline;
    setAttribute(headline, "data-status", status);
    setIcon(headline.firstElementChild, status);
    setText(headline.lastElementChild, headlineText(snapshot.headline, snapshot.now));
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

  /** Called each second, whether or not anything was heard. `why` says why it was not, where that is known. */
  tick({ age, waited, why }, snapshot) {
    const { connection, connectionText, content } = this.elements;
    const behind = snapshot?.settled == null ? 0 : snapshot.now - snapshot.settled;
    let state = "live";
    let text = "Live";
    if (age === null && waited > STALE_S) [state, text] = ["stale", because(`No answer for ${duration(waited)}`, why)];
    else if (age === null) [state, text] = ["waiting", "Connecting"];
    else if (age > STALE_S) [state, text] = ["stale", because(`Stale: nothing heard for ${duration(age)}`, why)];
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

const because = (text, why) => (why === "" ? text : `${text}. ${why}`);
