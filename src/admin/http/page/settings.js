// What can be changed at run time. Owns: the forms and their questions. Never: writes over what somebody is typing.

import { post } from "./ask.js";
import { confirm } from "./dialog.js";
import { busy, byId, h, keyed, onSubmit, say, write } from "./dom.js";
import { bytes, seconds, span } from "./format.js";
import { known, refresh } from "./live.js";

const MB = 1024 * 1024;

export function begin() {
  byId("enabled").addEventListener("click", ({ currentTarget }) => busy(currentTarget, turn));
  onSubmit(byId("budget-form"), setBudget);
}

export function draw() {
  const { enabled, budget, moving_budget: moving, max_entry: entry, tiers } = known.info;
  write(byId("enabled-words"), enabled ? "The cache is on" : "The cache is off");
  write(byId("enabled"), enabled ? "Switch off…" : "Switch on");
  byId("enabled").classList.toggle("danger", enabled);
  write(byId("budget-words"), `Now ${bytes(budget)}, of which ${bytes(tiers.reduce((sum, tier) => sum + tier.bytes, 0))} in use; `
    + `${moving ? "it moves to where it brings the most hits" : "it does not move between tiers by itself"}. Largest entry: ${bytes(entry)}.`);
  fill(byId("budget"), String(Math.round(budget / MB)));
  const rows = tiers.flatMap(({ tier, ttl_s: ttl, prefixes }) => [
    { id: `tier ${tier}`, tier, name: tier, ttl },
    ...prefixes.map(({ prefix, ttl_s: own }) => ({ id: `prefix ${prefix}`, prefix, name: `${prefix}::`, ttl: own, of: ttl })),
  ]);
  keyed(byId("ttls"), rows, ({ id }) => id, ttlRow);
}

/// Puts what is in force into an input that nobody has touched.
function fill(input, text) {
  if (document.activeElement !== input && !("touched" in input.dataset)) input.value = text;
}

function ttlRow({ id, tier, prefix, name }) {
  const input = h("input", { type: "text", autocomplete: "off", spellcheck: "false", "aria-label": `Time to live of ${id}`,
    oninput: () => { input.dataset.touched = ""; } });
  const note = h("span", { class: "quiet" });
  const form = h("form", {}, h("span", { class: prefix === undefined ? "tier-name" : "prefix-name" }, name), input, h("button", { "aria-label": `Set the time to live of ${id}` }, "Set"), note);
  onSubmit(form, async () => {
    await setTtl(prefix === undefined ? { tier } : { prefix }, input.value);
    delete input.dataset.touched;
  });
  const update = ({ ttl, of }) => {
    fill(input, ttl === null ? "" : exact(ttl));
    input.placeholder = ttl === null ? exact(of) : "";
    write(note, ttl === null ? "that of its tier" : "");
  };
  return { node: h("li", { class: prefix === undefined ? "of-tier" : "of-prefix" }, form), update };
}

/// As it can be typed in again.
const exact = (time) => (Number.isInteger(time) && time < 60 ? `${time}s` : span(time));

async function setTtl(of, text) {
  const time = seconds(text);
  if (time === null) throw new Error(`"${text}" is no time: write 90s, 10m, 1h 30m or 7d.`);
  told(await post("api/ttl", { ...of, seconds: time }), span);
  await refresh();
}

async function setBudget() {
  const input = byId("budget");
  const [now, wanted] = [known.info.budget, Number(input.value) * MB];
  const used = known.info.tiers.reduce((sum, tier) => sum + tier.bytes, 0);
  const evicts = wanted < used;
  const agreed = !evicts || await confirm({
    title: `Shrink the budget to ${bytes(wanted)}?`,
    words: `${bytes(used)} are in use, so about ${bytes(used - wanted)} are evicted, what is worth least first.`,
    yes: "Shrink",
  });
  if (agreed) {
    if (wanted !== now) told(await post("api/budget", { bytes: wanted }), bytes);
    await refresh();
  } else input.value = String(Math.round(now / MB));
}

async function turn() {
  const { enabled } = known.info;
  const agreed = !enabled || await confirm({
    title: "Switch the cache off?",
    words: "It drops all that it holds, and every read goes to the source until it is switched on again.",
    yes: "Switch off",
  });
  if (!agreed) return;
  told(await post("api/enabled", { enabled: !enabled }), (value) => (value ? "on" : "off"));
  await refresh();
}

function told({ setting, value, before, note }, format) {
  say(`${setting}: ${format(before)} before, ${format(value)} now. ${note[0].toUpperCase()}${note.slice(1)}${note.endsWith(".") ? "" : "."}`);
}
