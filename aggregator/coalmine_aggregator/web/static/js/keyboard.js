// Keys that work anywhere on the page, and the list of all of them.

import { h } from "./dom.js";

const KEYS = [
  ["Arrows", "between the cells of the grid, or along a graph"],
  ["Enter", "into a cell; on a graph, to that moment"],
  ["Page \u2191\u2193", "on the loss strip, to other series"],
  ["Esc", "one level up"],
  ["l", "back to live"],
  ["[ and ]", "a minute earlier, a minute later"],
  ["z", "times in UTC or in the zone of this machine"],
  ["t", "theme: of the system, light, dark"],
  ["?", "this list"],
];

export function bindKeys(dialog, opener, acts) {
  const close = h("button", { type: "button", class: "button" }, "Close");
  dialog.append(
    h("h2", { id: "keys-title" }, "Keys"),
    h("dl", { class: "keys" }, ...KEYS.map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)))),
    close,
  );
  close.addEventListener("click", () => dialog.close());
  opener.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.target.closest?.("input:not([type=radio]), textarea, select")) return;
    if (event.key === "?") dialog.showModal();
    else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
  });
}
