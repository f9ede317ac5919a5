// The keys that are read most. Owns: the list. Never: asks for it without the token; the host would walk over all entries.

import { get } from "./ask.js";
import { token } from "./access.js";
import { byId, h, keyed, write } from "./dom.js";
import { counted, count } from "./format.js";
import { open as explain } from "./explain.js";

/// Another token is in use, or none: what was shown may not be for whoever looks now.
export function renewed() {
  draw([], "");
  ask();
}

export async function ask() {
  if (byId("view-overview").hidden && byId("top").firstChild !== null) return;
  if (token() === null) return draw([], "Keys are shown with the token only.");
  const used = token();
  try {
    const { top } = await get("api/stats");
    if (token() === used) draw(top, top.length === 0 ? "No entry has been read yet." : "");
  } catch (error) {
    if (token() === used) draw([], error.message);
  }
}

function draw(top, words) {
  const most = Math.max(1, ...top.map(({ hits }) => hits));
  const items = top.map((entry) => ({ ...entry, share: entry.hits / most }));
  keyed(byId("top"), items, ({ key }) => key, ({ key }) => {
    const [fill, hits] = [h("i"), h("span", { class: "number" })];
    const button = h("button", { type: "button", class: "key", title: `Explain ${key}`, onclick: () => explain(key) }, key);
    const node = h("li", {}, h("span", { class: "bar", "aria-hidden": "true" }, fill), button, hits);
    const update = (item) => {
      fill.style.inlineSize = `${(item.share * 100).toFixed(1)}%`;
      write(hits, count(item.hits));
      hits.title = counted(item.hits, "hit", "hits");
    };
    return { node, update };
  });
  write(byId("top-words"), words);
}
