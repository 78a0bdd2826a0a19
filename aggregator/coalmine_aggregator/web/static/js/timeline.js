// The timeline of an incident, the newest first: who, when, what; what customers were told stands apart.

import { scopeText } from "./alert_words.js";
import { Keyed, h, setAttribute, setText } from "./dom.js";
import { StateMark } from "./incident_states.js";
import { count, words } from "./numbers.js";
import { both, iso, moment } from "./times.js";

const FEW = 200; // that are shown before somebody asks for more

const WORDS = {
  opened: "Opened",
  alert_opened: "Alert opened",
  scope_changed: "Scope changed",
  acknowledged: "Acknowledged",
  alert_closed: "Alert closed",
  withdrawn: "Withdrawn",
  returned: "Returned",
  state: "New state",
  update: "Update",
  note: "Note",
  titled: "Renamed",
  published: "Published",
  withheld: "Withheld",
  merged: "Merged",
  reopened: "Reopened",
  postmortem: "Post-mortem written",
};

export class Timeline {
  constructor(parent, note) {
    this.note = note;
    this.entries = new Map();
    this.after = null; // the cursor of the last part, which is asked for again: it grows
    this.most = FEW;
    const list = h("ol", { class: "timeline" });
    this.more = h("button", { type: "button", class: "button", hidden: "" }, "Older entries");
    this.more.addEventListener("click", () => {
      this.most += FEW;
      this.show(...this.shown);
    });
    parent.append(list, h("p", { class: "more" }, this.more));
    this.keyed = new Keyed(list, line);
  }

  /** Takes a part in; whether there are more to ask for at once. */
  take({ entries, next }) {
    for (const entry of entries) this.entries.set(entry.sequence, entry);
    if (next !== null) this.after = next;
    return next !== null;
  }

  show(service, now) {
    this.shown = [service, now];
    const all = [...this.entries.values()].sort((a, b) => b.sequence - a.sequence);
    const shown = all.slice(0, this.most);
    this.keyed.show(
      shown.map((entry, index) => ({ entry, before: all[index + 1]?.state ?? null, service, now })),
      ({ entry }) => entry.sequence,
    );
    this.more.hidden = all.length <= shown.length;
    setText(this.note, all.length > 1 ? `${count(all.length)} entries, the newest first` : "");
  }
}

function line() {
  const time = h("time");
  const what = h("b");
  const who = h("span");
  const mark = new StateMark();
  const where = h("span", { class: "aside" });
  const then = h("a", { class: "aside" }, "as it was");
  const text = h("p", { class: "words" });
  const words_ = h("span", { class: "words" });
  const told = h("div", { class: "told-public" }, h("span", { class: "aside" }, "to customers"), words_);
  const root = h("li", { class: "entry" }, time, h("div", { class: "what" }, what, who, mark.root, where, then), h("div", { class: "body" }, text, told));
  const update = ({ entry, before, service, now }) => {
    setText(time, moment(entry.at, now));
    setAttribute(time, "datetime", iso(entry.at));
    setAttribute(time, "title", both(entry.at));
    setAttribute(root, "data-by", entry.who === "" ? "machine" : "person");
    setText(what, entry.alert === null ? (WORDS[entry.kind] ?? words(entry.kind)) : `${WORDS[entry.kind] ?? words(entry.kind)} (alert ${entry.alert})`);
    setText(who, entry.who === "" ? "" : `by ${entry.who}`);
    who.hidden = entry.who === "";
    mark.show(entry.state);
    mark.root.hidden = entry.state === before;
    setText(where, entry.scope === null ? "" : scopeText(entry.scope, service));
    where.hidden = entry.scope === null;
    then.hidden = entry.scope === null;
    if (entry.scope !== null) setAttribute(then, "href", momentAddress(entry.at, service, entry.scope));
    setText(text, entry.text);
    text.hidden = entry.text === "";
    setText(words_, entry.public);
    told.hidden = entry.public === "";
  };
  return { root, update };
}

/** Where the live page shows a scope as it was at a time. */
export function momentAddress(at, service, scope) {
  const place = Object.entries(scope).map(([label, value]) => `${label}:${value}`);
  const query = new URLSearchParams({ at: iso(Math.ceil(at)), service });
  if (place.length > 0) query.set("scope", place.join(","));
  return `/?${query.toString().replaceAll("%3A", ":")}`;
}
