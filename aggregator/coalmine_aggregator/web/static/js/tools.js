// The head of every page that people use: the zone of times, the theme, and a newer build to load.

import { setAttribute, setText } from "./dom.js";
import { onNewBuild } from "./feed.js";
import { inUtc, nextTheme, onPreference, otherZone, theme } from "./preferences.js";
import { zone } from "./times.js";

const element = (id) => document.getElementById(id);

/** `now()` is the second on show; `onChange()` is called when times or colours are told otherwise. */
export function bindTools(now, onChange) {
  const show = () => {
    const called = zone(now());
    setText(element("zone"), called);
    setAttribute(element("zone"), "aria-label", inUtc() ? "Times are in UTC: tell them in the zone of this machine" : `Times are in ${called}: tell them in UTC`);
    setText(element("theme-name"), theme());
    setAttribute(element("theme"), "aria-label", `Theme: ${theme()}. Choose the next one`);
  };
  element("zone").addEventListener("click", otherZone);
  element("theme").addEventListener("click", nextTheme);
  element("reload").addEventListener("click", () => location.reload());
  onNewBuild(() => {
    element("new-build").hidden = false;
  });
  onPreference(() => {
    show();
    onChange();
  });
  show();
}
