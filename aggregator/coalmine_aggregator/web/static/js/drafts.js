// What somebody has written and not sent. It is kept in this tab, so that neither a refresh nor signing
// in anew loses it; it ends with the tab.

const PREFIX = "coalmine.draft.";

// Where storage is forbidden it is kept in the page, which then asks before it is left.
const held = new Map();

addEventListener("beforeunload", (event) => {
  if (held.size > 0) event.preventDefault();
});

/** The value of a key as it was written last, null where there is none. */
export function readDraft(key) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + key)) ?? held.get(key) ?? null;
  } catch {
    return held.get(key) ?? null;
  }
}

/** Keeps it; null: it was sent, or is not wanted any more. */
export function writeDraft(key, value) {
  held.delete(key);
  try {
    if (value === null) sessionStorage.removeItem(PREFIX + key);
    else sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    if (value !== null) held.set(key, value);
  }
}
