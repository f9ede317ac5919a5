// Whether the cache earns its memory. Owns: the sentence, the tiles and the charts. Never: asks the host.

import { Chart } from "./chart.js";
import { stacked } from "./draw.js";
import { byId, h, keyed, write } from "./dom.js";
import { bytes, count, counted, percent, rate, short, span } from "./format.js";
import { known } from "./live.js";
import { loadTime, loadsBad, loadsEnded, reads, takenAway } from "./series.js";

/// Steps of a chart for each span.
const STEP_S = { 60: 1, 300: 3, 1200: 10, 3600: 30 };
/// What "now" means in the tiles.
const NOW_S = 60;

const charts = {
  hits: new Chart({ title: "Hit rate", unit: "of all reads", format: percent, axis: (value) => `${Math.round(value * 100)} %`, top: 1 }),
  reads: new Chart({ title: "Reads", unit: "a second", format: rate, axis: short }),
  latency: new Chart({ title: "Latency", unit: "log scale", format: span, scale: "log" }),
  memory: new Chart({ title: "Memory by tier", unit: "pale: granted, solid: in use", format: bytes, axis: (value) => (value === 0 ? "0" : bytes(value)), scale: "bytes" }),
  errors: new Chart({ title: "Errors", unit: "a second", format: rate, axis: short }),
  gone: new Chart({ title: "Entries that left", unit: "a second, by cause", format: rate, axis: short }),
};

export function begin() {
  byId("charts").append(...Object.values(charts).map((chart) => chart.node));
  byId("span").addEventListener("change", draw);
  byId("tier").addEventListener("change", draw);
}

const chosenSpan = () => Number(document.querySelector("input[name=span]:checked").value);

/// The tiers that are looked at.
function chosenTiers() {
  const names = known.series.names();
  const select = byId("tier");
  keyed(select, ["", ...names], (name) => name, (name) => ({ node: h("option", { value: name }, name || "all"), update: () => {} }));
  return names.includes(select.value) ? [select.value] : names;
}

export function draw() {
  if (known.series.last === null) return;
  const names = chosenTiers();
  const width = chosenSpan();
  const frame = known.series.frame(width, STEP_S[width], names);
  const recent = known.series.frame(NOW_S, NOW_S, names).whole();
  sentence(recent, names);
  tiles(recent, frame.whole(), names);
  if (!byId("view-overview").hidden) drawCharts(frame);
}

// --- The sentence and the tiles ---

/// Seconds within a second: not in minutes, for they are so many sources at a time.
const busy = (time) => (time >= 1 ? `${short(time)}\u00a0s` : span(time));

/// One number for a stretch of time.
const one = (list) => list.at(-1);

/// What the last minute was like, of the tiers that are looked at.
function facts(recent) {
  const hits = one(recent.rate((tier) => tier.hits));
  const mean = one(recent.share(loadTime, loadsEnded)) ?? meanSinceStart();
  return { hits, mean, reads: one(recent.rate(reads)), saved: hits === null || mean === null ? null : hits * mean };
}

function meanSinceStart() {
  const tiers = Object.values(known.series.last.tiers);
  const [time, ended] = [loadTime, loadsEnded].map((read) => tiers.reduce((sum, tier) => sum + read(tier), 0));
  return ended === 0 ? null : time / ended;
}

const now = (read, names) => names.reduce((sum, name) => sum + read(known.series.last.tiers[name]), 0);

function sentence(recent, names) {
  const { hits, reads: all, saved } = facts(recent);
  const failed = known.info?.tiers.filter((tier) => tier.state === "failed").map((tier) => tier.tier) ?? [];
  const of = names.length === 1 ? `Tier ${names[0]}` : "The cache";
  const parts = [];
  if (known.info?.enabled === false) parts.push("The cache is switched off: nothing is kept, and every read is a miss. ");
  if (failed.length > 0) parts.push(`Out of service: ${failed.join(", ")}; its reads go to the source until it is revived. `);
  if (!(all > 0)) parts.push(`Nobody has read in the last minute. ${of} holds ${counted(now((tier) => tier.entries, names), "entry", "entries")}.`);
  else {
    parts.push(`${of} answers `, [percent(hits / all)], ` of ${short(all)} reads a second out of `,
      [bytes(now((tier) => tier.bytes, names))]);
    if (saved > 0) parts.push(", which spares the source ", [busy(saved)], " of loading each second");
    parts.push(".");
  }
  // Written whole and only where it changes, as every text; what stands in a list of its own is a figure.
  if (byId("verdict").textContent === parts.flat().join("")) return;
  byId("verdict").replaceChildren(...parts.map((part) => (typeof part === "string" ? part : h("b", {}, part[0]))));
}

function tiles(recent, shown, names) {
  const { hits, mean, reads: all, saved } = facts(recent);
  const grown = (frame, read) => one(frame.growth(read)) ?? 0;
  const slow = (read) => one(recent.quantile(read, 0.99));
  const total = (read) => now(read, names);
  const bad = {
    "loads failed": grown(shown, loadsBad),
    "calls refused": grown(shown, (tier) => tier.overloaded),
    "writes failed": grown(shown, (tier) => tier.unawaited_failed),
    "of another type": grown(shown, (tier) => tier.wrong_type),
    "cannot be read": grown(shown, (tier) => tier.unreadable ?? 0),
    restarts: grown(shown, (tier) => tier.restarts),
  };
  const troubles = Object.values(bad).reduce((sum, number) => sum + number, 0);
  const told = Object.entries(bad).filter(([, number]) => number > 0.5).map(([name, number]) => `${count(number)} ${name}`);
  const failing = grown(shown, loadsBad) / grown(shown, loadsEnded);
  if (failing > 0) told[0] += ` (${percent(failing)})`;
  const { stats } = known;
  const budget = names.length === 1 ? total((tier) => tier.grant) : stats?.budget ?? 0;
  const sinceStart = total(reads) === 0 ? null : total((tier) => tier.hits) / total(reads);
  const items = [
    { name: "Hit rate", value: percent(all > 0 ? hits / all : null), note: `${percent(sinceStart)} since the start` },
    { name: "Reads", value: rate(all), note: `${rate(all === null ? null : all - hits)} missed` },
    { name: "Loading spared", value: saved === null ? span(null) : `${busy(saved)} / s`, note: mean === null ? "no load to compare with" : `hits × ${span(mean)}, the mean load` },
    { name: "Load time", value: span(one(recent.share(loadTime, loadsEnded))),
      note: `p99 ${span(slow(({ load }) => load))}, queue ${span(slow(({ queue }) => queue))}` },
    { name: "Memory", value: bytes(total((tier) => tier.bytes)), bar: budget === 0 ? 0 : total((tier) => tier.bytes) / budget,
      note: `of ${bytes(budget)}, ${counted(total((tier) => tier.entries), "entry", "entries")}` },
    { name: "Trouble", value: troubles < 0.5 ? "none" : count(troubles), bad: troubles >= 0.5,
      note: told.length === 0 ? `no errors in ${span(Math.round(shown.seconds))}` : told.join(", ") },
  ];
  keyed(byId("tiles"), items, ({ name }) => name, tile);
}

function tile({ name }) {
  const [value, note, fill] = [h("span"), h("dd", { class: "note" }), h("i")];
  const bar = h("span", { class: "bar", "aria-hidden": "true" }, fill);
  const node = h("div", { class: "tile" }, h("dt", {}, name), h("dd", { class: "figure" }, value, bar), note);
  node.dataset.tile = name.toLowerCase();
  return {
    node,
    update(item) {
      write(value, item.value);
      write(note, item.note);
      node.classList.toggle("bad", item.bad === true);
      bar.hidden = item.bar === undefined;
      if (item.bar !== undefined) fill.style.inlineSize = `${Math.min(100, item.bar * 100).toFixed(1)}%`;
    },
  };
}

// --- The charts ---

function drawCharts(frame) {
  const clock = (t) => known.began + t;
  // When a tier broke and was put back in place.
  const marks = frame.rises((tier) => tier.restarts);
  const give = (chart, parts) => chart.show({ times: frame.times, clock, marks, ...parts });
  const named = (tone, name, values, more = {}) => ({ tone, name, values, ...more });

  const hitRate = named("t-accent", "hits", frame.share((tier) => tier.hits, reads));
  const stale = named("t-warn", "stale", frame.share((tier) => tier.stale_hits, reads));
  const withStale = stale.values.some((value) => value > 0);
  give(charts.hits, {
    legend: withStale ? [hitRate, stale] : [hitRate],
    lines: withStale ? [stale, hitRate] : [hitRate],
    areas: [{ tone: "t-accent", soft: true, low: hitRate.values.map(() => 0), high: hitRate.values }],
  });

  give(charts.reads, stack([
    named("t-accent", "hits", frame.rate((tier) => tier.hits)),
    named("t-quiet", "missed", frame.rate((tier) => tier.misses - tier.joined)),
    named("t-warn", "joined a load", frame.rate((tier) => tier.joined)),
  ]));

  const times = [
    named("t-accent", "load p99", frame.quantile(({ load }) => load, 0.99)),
    named("t-accent", "load mean", frame.share(loadTime, loadsEnded), { dashed: true }),
    named("t-quiet", "queue p99", frame.quantile(({ queue }) => queue, 0.99)),
  ];
  give(charts.latency, { legend: times, lines: times });

  const errors = [
    named("t-bad", "loads failed", frame.rate(loadsBad)),
    named("t-warn", "calls refused", frame.rate((tier) => tier.overloaded)),
    named("t-quiet", "loads overtaken", frame.rate((tier) => tier.revoked)),
  ];
  // Beside so many loads nobody would see the few that fail.
  const loads = named("t-none", "of all loads", frame.rate(({ loads: { started } }) => started));
  give(charts.errors, { legend: [...errors, loads], lines: errors.filter(({ values }) => values.some((value) => value > 0)).reverse() });

  give(charts.gone, stack([
    named("t-accent", "expired", frame.rate(({ removals }) => removals.expired)),
    named("t-warn", "evicted", frame.rate(({ removals }) => removals.evicted)),
    named("t-quiet", "invalidated", frame.rate(takenAway)),
    named("t-2", "displaced", frame.rate(({ removals }) => removals.displaced)),
    named("t-bad", "lost", frame.rate(({ removals }) => removals.lost)),
  ].filter(({ name, values }) => !["displaced", "lost"].includes(name) || values.some((value) => value > 0))));

  charts.memory.show({ times: frame.times, clock, marks, ...memory(frame.times) });
}

function stack(legend) {
  const areas = stacked(legend.map(({ values }) => values));
  return { legend, areas: areas.map((area, place) => ({ ...area, tone: legend[place].tone })) };
}

/// What each tier may hold, on top of each other, and within that what it holds. The budget is above all of them.
function memory(times) {
  const width = chosenSpan();
  const tiers = known.series.names().map((name, place) => {
    const frame = known.series.frame(width, STEP_S[width], [name]);
    return { name, tone: `t-${place % 6}`, grant: frame.level((tier) => tier.grant), used: frame.level((tier) => tier.bytes) };
  });
  const grants = stacked(tiers.map(({ grant }) => grant));
  const areas = tiers.flatMap(({ tone, used }, place) => {
    const { low, high } = grants[place];
    const full = used.map((value, at) => (value === null ? null : low[at] + value));
    return [{ tone, soft: true, low, high }, { tone, low, high: full }];
  });
  const budget = { name: "budget", tone: "t-ink", dashed: true, values: times.map(() => known.stats?.budget ?? null) };
  const legend = tiers.map(({ name, tone, used }) => ({ name, tone, values: used }));
  return { legend: [...legend, budget], lines: [budget], areas };
}
