// The table of tiers. Owns: its rows, and putting a tier back into service. Never: draws anything else.

import { post } from "./ask.js";
import { busy, byId, h, keyed, say, show, write } from "./dom.js";
import { bytes, count, percent, rate, short, span } from "./format.js";
import { known, refresh } from "./live.js";
import { loadTime, loadsEnded, reads } from "./series.js";

const NOW_S = 60;

export function begin() {
  document.querySelector("#tiers tbody").textContent = "";
}

export function draw() {
  if (byId("view-overview").hidden) return;
  const names = known.series.names();
  keyed(document.querySelector("#tiers tbody"), names, (name) => name, row);
}

function row(name) {
  const cell = (isNumber = true) => h("td", isNumber ? { class: "number" } : {});
  const cells = {
    hits: cell(), reads: cell(), entries: cell(), worth: cell(), load: cell(), loads: cell(), queue: cell(), restarts: cell(),
  };
  const [state, fill, held] = [h("span", { class: "state" }), h("i"), h("span")];
  const revive = h("button", { type: "button", class: "with-token", onclick: () => busy(revive, () => putBack(name)) }, "Revive");
  const memory = h("td", {}, h("div", { class: "held" }, h("span", { class: "bar", "aria-hidden": "true" }, fill), held));
  const node = h("tr", {}, h("th", { scope: "row" }, name), h("td", {}, state, revive), cells.hits, cells.reads, cells.entries,
    memory, cells.worth, cells.load, cells.loads, cells.queue, cells.restarts);
  node.dataset.tier = name;
  return { node, update: () => update(name, { ...cells, node, state, fill, held, revive }) };
}

function update(name, parts) {
  const tier = known.series.last.tiers[name];
  const info = known.info?.tiers.find((each) => each.tier === name);
  const recent = known.series.frame(NOW_S, NOW_S, [name]).whole();
  const one = (list) => list.at(-1);
  const isFailed = info?.state === "failed";
  parts.state.dataset.kind = isFailed ? "bad" : "good";
  write(parts.state, info?.state ?? "");
  show(parts.revive, isFailed);
  parts.node.title = info?.description ?? "";
  write(parts.hits, percent(one(recent.share((each) => each.hits, reads))));
  write(parts.reads, rate(one(recent.rate(reads))));
  write(parts.entries, count(tier.entries));
  parts.fill.style.inlineSize = `${tier.grant === 0 ? 0 : Math.min(100, (tier.bytes * 100) / tier.grant).toFixed(1)}%`;
  write(parts.held, `${bytes(tier.bytes)} of ${bytes(tier.grant)}`);
  write(parts.worth, tier.worth === 0 ? "\u2013" : `+${percent(tier.worth / 1e6)}`);
  write(parts.load, span(one(recent.share(loadTime, loadsEnded))));
  write(parts.loads, info === undefined ? "" : `${short(info.loads_running)}${info.loads_waiting > 0 ? ` + ${short(info.loads_waiting)} wait` : ""}`);
  write(parts.queue, info === undefined ? "" : count(info.queued_messages));
  write(parts.restarts, count(tier.restarts));
}

async function putBack(name) {
  const { was_out: wasOut } = await post("api/revive", { tier: name });
  say(wasOut ? `Tier ${name} serves again.` : `Tier ${name} was in service.`);
  await refresh();
}
