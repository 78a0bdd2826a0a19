// Keys that work anywhere on a page, and the list of all of them.

import { h } from "./dom.js";
import { nextTheme, otherZone } from "./preferences.js";

const EVERYWHERE = [
  ["z", "times in UTC or in the zone of this machine"],
  ["t", "theme: of the system, light, dark"],
  ["?", "this list"],
];

/** `keys` are [key, what it does] of this page, `acts` what is done on those that are caught here. */
export function bindKeys(dialog, opener, keys, acts) {
  const all = { ...acts, z: otherZone, t: nextTheme, "?": () => dialog.showModal() };
  const close = h("button", { type: "button", class: "button" }, "Close");
  dialog.append(
    h("h2", { id: "keys-title" }, "Keys"),
    h("dl", { class: "keys" }, ...[...keys, ...EVERYWHERE].map(([key, what]) => h("div", {}, h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)))),
    close,
  );
  close.addEventListener("click", () => dialog.close());
  opener.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    if (event.target.closest?.("input:not([type=radio]), textarea, select")) return;
    if (!Object.hasOwn(all, event.key)) return;
    all[event.key]();
    event.preventDefault();
  });
}
