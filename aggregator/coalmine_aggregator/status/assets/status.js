// Refreshes what changed and tells times in the reader's zone. The page is whole without it.

const EVERY_MS = 30_000;
// Made a little every second; when it is older than this, whoever makes it has stopped.
const OLD_S = 120;

const PARTS = { day: "numeric", month: "long", year: "numeric" };
const FORMS = {
  clock: { seconds: true },
  moment: { day: true },
  second: { day: true, seconds: true },
};

function localTimes(root) {
  for (const element of root.querySelectorAll("time[data-form]")) {
    const at = new Date(element.dateTime);
    const form = FORMS[element.dataset.form];
    if (Number.isNaN(at.getTime()) || !form) continue;
    const clock = at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: form.seconds ? "2-digit" : undefined });
    const day = form.day ? `${at.toLocaleDateString("en-GB", PARTS)}, ` : "";
    element.textContent = `${day}${clock} ${zone(at)}`;
  }
}

// As the server names zones: by their distance from UTC.
function zone(at) {
  const minutes = -at.getTimezoneOffset();
  if (minutes === 0) return "UTC";
  const all = Math.abs(minutes);
  const rest = all % 60 ? `:${String(all % 60).padStart(2, "0")}` : "";
  return `UTC${minutes > 0 ? "+" : "\u2212"}${Math.floor(all / 60)}${rest}`;
}

// Puts what changed in place of what was, as deep as both have the same parts: nothing moves under a
// reader's eyes or fingers, and what is open stays open.
function put(was, is) {
  if (was.isEqualNode(is)) return;
  const [old, fresh] = [[...was.children], [...is.children]];
  const named = [...old, ...fresh].every((child) => child.id !== "");
  const alike = named || (old.length === fresh.length && old.every((child, index) => child.tagName === fresh[index].tagName));
  if (old.length === 0 || !alike || hasText(was) || hasText(is)) {
    was.replaceWith(is);
    return;
  }
  for (const { name, value } of is.attributes) if (was.getAttribute(name) !== value) was.setAttribute(name, value);
  if (!named) {
    old.forEach((child, index) => put(child, fresh[index]));
    return;
  }
  const kept = new Map(old.map((child) => [child.id, child]));
  const next = new Set(fresh.map((child) => child.id));
  for (const child of old) if (!next.has(child.id)) child.remove();
  fresh.forEach((child, index) => {
    const same = kept.get(child.id);
    if (was.children[index] !== same || !same) was.insertBefore(same ?? child, was.children[index] ?? null);
    if (same) put(same, child);
  });
}

const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");

function show(text) {
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const [was, is] = [document.querySelector("main"), fresh.querySelector("main")];
  if (!is) return;
  localTimes(is);
  for (const open of was.querySelectorAll("details[open][id]")) {
    const same = is.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = true;
  }
  const held = document.activeElement;
  const around = held?.closest("main [id]");
  put(was, document.importNode(is, true));
  // Where the part with the focus had to be replaced, it goes to the same thing in the new one.
  if (around && !held.isConnected) document.querySelector(`#${CSS.escape(around.id)} ${held.localName}`)?.focus({ preventScroll: true });
  document.title = fresh.title;
  const made = fresh.documentElement.dataset.made;
  if (made) document.documentElement.dataset.made = made;
}

// Says so when the page itself is no longer made anew, by the clock of whoever served it.
function tellAge(now) {
  const notice = document.querySelector("#old");
  const made = Number(document.documentElement.dataset.made);
  if (!notice || !made || !now) return;
  const seconds = Math.floor(now / 1000) - made;
  const [number, unit] = seconds < 5400 ? [Math.floor(seconds / 60), "minute"] : seconds < 172_800 ? [Math.floor(seconds / 3600), "hour"] : [Math.floor(seconds / 86_400), "day"];
  document.querySelector("#age").textContent = number === 1 ? `1 ${unit}` : `${number} ${unit}s`;
  notice.hidden = seconds < OLD_S;
}

let shown = "";
let timer = 0;

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    // The browser asks with the tag of what it has.
    const answer = await fetch(location.href, { cache: "no-cache", credentials: "omit" });
    if (answer.ok) {
      const tag = answer.headers.get("ETag");
      if (!tag || tag !== shown) show(await answer.text());
      shown = tag;
    }
    tellAge(Date.parse(answer.headers.get("Date")));
  } catch {
    // No way to the server: the clock here must do.
    tellAge(Date.now());
  }
  timer = setTimeout(refresh, EVERY_MS);
}

localTimes(document);
document.addEventListener("visibilitychange", refresh);
const made = Number(document.documentElement.dataset.made);
// A page out of a cache or a copy may be old: look at once.
timer = setTimeout(refresh, made && Date.now() / 1000 - made > OLD_S ? 0 : EVERY_MS);
