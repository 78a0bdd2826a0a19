// The post-mortem of an incident: as a form for those who may write it, as text for the others.

import { h, setAttribute, setText } from "./dom.js";
import { PostmortemForm } from "./postmortem_form.js";
import { isOpen } from "./incident_states.js";

export class PostmortemPart {
  constructor({ body, note, file }, act) {
    this.note = note;
    this.none = h("p", { class: "aside" });
    this.account = h("div", { class: "account" });
    this.form = new PostmortemForm(act);
    this.fold = h("details", { class: "fold", hidden: "" }, h("summary", {}, "Write it while it goes on"), h("div"));
    this.place = h("div");
    this.link = h("a", { href: `${act.address}/postmortem.md` }, "Download as Markdown");
    file.append(this.link);
    body.append(this.none, this.account, this.fold, this.place);
  }

  show({ incident, postmortem }, canWrite) {
    const goesOn = isOpen(incident);
    const isWritten = accountOf(postmortem).length > 0;
    setAttribute(this.link, "download", `incident-${incident.number}.md`);
    setText(this.none, goesOn ? "There is time for it once the incident is over." : "Nobody has written one yet.");
    this.none.hidden = canWrite || isWritten;
    this.account.hidden = canWrite || !isWritten;
    if (!canWrite) this.account.replaceChildren(...accountOf(postmortem));
    // The form itself is moved at most once, as the incident ends: what is written in it stays.
    this.fold.hidden = !canWrite || !goesOn;
    this.place.hidden = !canWrite || goesOn;
    const place = goesOn ? this.fold.lastElementChild : this.place;
    if (canWrite && this.form.root.parentElement !== place) place.append(this.form.root);
    if (canWrite && this.form.show(incident, postmortem)) this.fold.open = true;
    setText(this.note, canWrite ? "people, summary, factors and actions stay inside; the last three are for customers" : "");
  }
}

const section = (name, ...content) => h("div", {}, h("h3", {}, name), ...content);
const text = (name, said) => (said === "" ? [] : [section(name, h("p", { class: "words" }, said))]);
const list = (name, items) => (items.length === 0 ? [] : [section(name, h("ul", {}, ...items.map((item) => h("li", {}, item))))]);

/** What is written, part by part; what is empty is left out. */
function accountOf({ people, summary, factors, actions, cause, affected, resolution }) {
  const done = ({ what, owner, due, is_done: isDone }) => [what, owner && `(${owner})`, due && `by ${due}`, isDone ? "- done" : ""].filter(Boolean).join(" ");
  return [
    ...text("Summary", summary),
    ...list("People", people.map(({ name, role }) => (role === "" ? name : `${name}, ${role}`))),
    ...list("What contributed", factors),
    ...list("What is to be done", actions.map(done)),
    ...text("What caused it (for customers)", cause),
    ...text("Who was affected (for customers)", affected),
    ...text("How it was resolved (for customers)", resolution),
  ];
}
