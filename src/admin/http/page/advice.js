// What more memory would bring, and what to do about it. Owns: the panel, which stays hidden where the host cannot tell. Never: computes
// advice; the host does, from a sample of the reads.

import { get } from "./ask.js";
import { linear, linePath } from "./draw.js";
import { byId, h, keyed, s, show, write } from "./dom.js";
import { bytes, percent } from "./format.js";

const SIZE = { width: 240, height: 132, left: 34, right: 10, top: 10, bottom: 20 };

export async function ask() {
  try {
    draw(await get("api/advice"));
  } catch {
    // A host that cannot tell, or not now: no advice is better than old advice.
    show(byId("advice"), false);
  }
}

function draw({ curves, warnings }) {
  show(byId("advice"), curves.length > 0 || warnings.length > 0);
  const name = (tier) => tier ?? "all tiers";
  const known = curves.filter(({ points }) => points.length > 1);
  keyed(byId("curves"), known, ({ tier }) => name(tier), ({ tier }) => curve(name(tier)));
  keyed(byId("warnings"), warnings, ({ tier, what }) => `${name(tier)} ${what}`, (item) => {
    const node = h("li", {}, h("b", {}, name(item.tier)), h("p", {}, item.what), h("p", { class: "do" }, item.do));
    return { node, update: () => {} };
  });
}

/// The hit rate at a budget, on a straight line between two points.
export function hitsAt(points, budget) {
  const place = points.findIndex(({ budget_bytes: at }) => at >= budget);
  if (place < 0) return points.at(-1).hit_percent;
  const [from, to] = [points[Math.max(0, place - 1)], points[place]];
  const width = to.budget_bytes - from.budget_bytes;
  return width === 0 ? to.hit_percent : from.hit_percent
    + (to.hit_percent - from.hit_percent) * Math.max(0, (budget - from.budget_bytes) / width);
}

function curve(name) {
  const svg = s("svg", { viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, "aria-hidden": "true" });
  const [words, body] = [h("p"), h("tbody")];
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "with"), h("th", { scope: "col" }, "hit rate")));
  const node = h("figure", {}, h("figcaption", {}, h("h3", {}, name)), svg, words,
    h("details", {}, h("summary", {}, "Table"), h("table", {}, head, body)));
  return { node, update: (item) => plot(item, svg, words, body) };
}

function plot({ now_bytes: now, points }, svg, words, body) {
  const sorted = [...points].sort((a, b) => a.budget_bytes - b.budget_bytes);
  const most = Math.max(now, sorted.at(-1).budget_bytes);
  const right = SIZE.width - SIZE.right;
  const bottom = SIZE.height - SIZE.bottom;
  const x = linear([0, most], [SIZE.left, right]);
  const y = linear([0, 100], [bottom, SIZE.top]);
  const [xs, hits] = [sorted.map((point) => x(point.budget_bytes)), sorted.map((point) => point.hit_percent)];
  const there = [x(now), y(hitsAt(sorted, now))];
  const grid = [0, 50, 100].flatMap((tick) => [
    s("path", { class: "grid", d: `M${SIZE.left},${y(tick) + 0.5}H${right}` }),
    s("text", { class: "tick", x: SIZE.left - 5, y: y(tick) + 3.5, "text-anchor": "end" }, `${tick}`),
  ]);
  const sizes = [now / 2, now, now * 2].filter((size) => size <= most)
    .map((size) => s("text", { class: "tick", x: Math.min(x(size), right - 12), y: bottom + 14, "text-anchor": "middle" }, bytes(size)));
  svg.replaceChildren(...grid, ...sizes,
    s("path", { class: "mark now", d: `M${there[0].toFixed(1)},${SIZE.top}V${bottom}` }),
    s("path", { class: "line t-accent", d: linePath(xs, hits, y) }),
    s("circle", { class: "dot t-accent", cx: there[0], cy: there[1], r: 3.5 }));
  const at = (budget) => percent(hitsAt(sorted, budget) / 100);
  const double = now * 2 <= most ? `, ${at(now * 2)} with twice as much` : "";
  write(words, `${at(now)} now with ${bytes(now)}; ${at(now / 2)} with half${double}.`);
  body.replaceChildren(...sorted.map((point) =>
    h("tr", {}, h("th", { scope: "row" }, bytes(point.budget_bytes)), h("td", {}, percent(point.hit_percent / 100)))));
}
