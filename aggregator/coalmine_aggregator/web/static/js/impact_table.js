// What was lost, exactly, by protocol and region.

import { h, setCell, setText } from "./dom.js";
import { count, percent, plural } from "./numbers.js";
import { moment } from "./times.js";

const FEW = 12; // rows before somebody asks for all

export class ImpactTable {
  constructor(parent, note) {
    this.note = note;
    this.none = h("p", { class: "aside" });
    this.table = h("table", { class: "list" });
    this.all = h("button", { type: "button", class: "button" });
    this.all.addEventListener("click", () => {
      this.isWhole = !this.isWhole;
      this.show(...this.shown);
    });
    this.isWhole = false;
    parent.append(this.none, this.table, h("p", { class: "more" }, this.all));
  }

  show(incident, now) {
    this.shown = [incident, now];
    const { impact } = incident;
    const isEmpty = impact === null || impact.judged === 0;
    this.none.hidden = !isEmpty;
    this.table.hidden = isEmpty;
    setText(this.none, impact === null ? "Not counted yet." : "No datapoint was to arrive.");
    setText(this.note, impact === null ? "" : `${moment(impact.first, now)} to ${moment(impact.last, now)}; ${impact.is_final ? "final" : `counted at ${moment(impact.measured_at, now)}, late evidence may change it`}`);
    this.all.hidden = isEmpty || impact.cells.length <= FEW;
    if (isEmpty) return;
    const cells = [...impact.cells].sort((a, b) => b.bad - a.bad || b.judged - a.judged);
    setText(this.all, this.isWhole ? "Only the worst" : `All ${plural(cells.length, "row")}`);
    this.table.replaceChildren(
      h("thead", {}, h("tr", {}, ...["Protocol", "Region"].map((text) => h("th", { scope: "col" }, text)), ...["Lost", "Of", "Share"].map((text) => h("th", { scope: "col", class: "number" }, text)), h("th", { scope: "col", class: "number wide" }, "Of the whole"))),
      h("tbody", {}, ...(this.isWhole ? cells : cells.slice(0, FEW)).map((cell) => h("tr", {}, label(cell.protocol), label(cell.region), ...figures(cell), whole(cell)))),
      h("tfoot", {}, h("tr", {}, h("td", { colspan: "2" }, "in all"), ...figures(impact), h("td", { class: "wide" }))),
    );
  }
}

function label(text) {
  const cell = h("td");
  setCell(cell, text);
  return cell;
}

const figures = ({ bad, judged }) => [count(bad), count(judged), judged > 0 ? percent(bad / judged) : ""].map((text) => h("td", { class: "number" }, text));

/** Its share of all that was to arrive of the protocol and region, affected or not. */
const whole = ({ bad, total }) => h("td", { class: "number wide" }, total > 0 ? percent(bad / total) : "");
