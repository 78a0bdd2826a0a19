// The small box beside the pointer. Nothing in it is told here alone: tables and labels have it too.

import { h, setText } from "./dom.js";

const box = h("div", { class: "tip", role: "status", hidden: "" });
const lines = [];
const GAP_PX = 14;

/** Shows these lines, the first one strong, beside a point of the window. */
export function showTip(texts, x, y) {
  if (!box.isConnected) document.body.append(box);
  while (lines.length < texts.length) {
    lines.push(h("p"));
    box.append(lines.at(-1));
  }
  lines.forEach((line, i) => {
    line.hidden = i >= texts.length;
    setText(line, texts[i] ?? "");
  });
  box.hidden = false;
  const { width, height } = box.getBoundingClientRect();
  const left = x + GAP_PX + width > innerWidth ? Math.max(4, x - GAP_PX - width) : x + GAP_PX;
  const top = y + GAP_PX + height > innerHeight ? Math.max(4, y - GAP_PX - height) : y + GAP_PX;
  box.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
}

export function hideTip() {
  box.hidden = true;
}
