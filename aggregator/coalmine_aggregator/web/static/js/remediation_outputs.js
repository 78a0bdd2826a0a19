// Where it is said who is out: whether each place confirmed it, and what is wrong there.

import { Keyed, h, setAttribute, setCell, setText } from "./dom.js";
import { Mark } from "./remediation_words.js";
import { count } from "./numbers.js";
import { both, duration } from "./times.js";

const HEADS = ["Output", "State", "Out there", "Confirmed"];

export class Outputs {
  constructor(parent, note) {
    const body = h("tbody");
    this.note = note;
    this.table = h("table", { class: "list", hidden: "" }, h("thead", {}, h("tr", {}, ...HEADS.map((text) => h("th", { scope: "col" }, text)))), body);
    this.keyed = new Keyed(body, row);
    parent.append(this.table);
  }

  show(outputs, now) {
    this.table.hidden = outputs.length === 0;
    setText(this.note, outputs.length === 0 ? "Nowhere: the configuration names no output, so nothing of this is in force." : "");
    this.keyed.show(outputs.map((output) => ({ output, now })), ({ output }) => output.name);
  }
}

function row() {
  const name = h("td");
  const mark = new Mark();
  const wrong = h("span", { class: "aside" });
  const out = h("td");
  const confirmed = h("td");
  const root = h("tr", {}, name, h("td", {}, mark.root, " ", wrong), out, confirmed);
  const update = ({ output, now }) => {
    setText(name, output.name);
    mark.show(...stateOf(output));
    setText(wrong, output.trouble || output.differs);
    setCell(out, output.out === null ? "not known" : outText(output.out));
    setText(confirmed, output.confirmed_at === null ? "never" : `${duration(now - output.confirmed_at)} ago`);
    setAttribute(confirmed, "title", output.confirmed_at === null ? null : both(output.confirmed_at));
  };
  return { root, update };
}

function stateOf({ trouble, differs, out }) {
  if (trouble !== "") return ["down", "in trouble"];
  if (differs !== "") return ["partial", "differs from what is wanted"];
  return out === null ? ["unknown", "not known"] : ["ok", "as it is wanted"];
}

function outText(out) {
  const named = Object.entries(out).filter(([, nodes]) => nodes.length > 0).map(([service, nodes]) => `${nodes.slice(0, 5).join(", ")}${nodes.length > 5 ? ` and ${count(nodes.length - 5)} more` : ""} of ${service}`);
  return named.length === 0 ? "nobody" : named.join("; ");
}
