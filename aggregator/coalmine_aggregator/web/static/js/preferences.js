// What somebody chose on this machine: the theme, and the zone in which times are told.

const THEMES = ["system", "light", "dark"];
const THEME = "coalmine.theme";
const ZONE = "coalmine.zone";

const listeners = new Set();
const changed = () => listeners.forEach((listener) => listener());

/** Calls `listener()` when the theme or the zone is another, the system's own change included. */
export const onPreference = (listener) => listeners.add(listener);

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
window.addEventListener("storage", ({ key }) => {
  if (key !== THEME && key !== ZONE) return;
  paint();
  changed();
});

// Storage may be forbidden: the choice then holds until the page is left.
const held = new Map();

function read(key) {
  try {
    return localStorage.getItem(key) ?? held.get(key) ?? null;
  } catch {
    return held.get(key) ?? null;
  }
}

function write(key, value) {
  held.set(key, value);
  try {
    localStorage.setItem(key, value);
  } catch {
    // Held above.
  }
}

export function theme() {
  const chosen = read(THEME);
  return THEMES.includes(chosen) ? chosen : "system";
}

export function nextTheme() {
  write(THEME, THEMES[(THEMES.indexOf(theme()) + 1) % THEMES.length]);
  paint();
  changed();
}

function paint() {
  const chosen = theme();
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
}

/** Whether times are told in UTC; otherwise in the zone of this machine. */
export const inUtc = () => read(ZONE) !== "local";

export function otherZone() {
  write(ZONE, inUtc() ? "local" : "utc");
  changed();
}
