// One key explained. Owns: the words for what the host knows of it. Never: counts as a read.

import { token } from "./access.js";
import { get } from "./ask.js";
import { open as openClear } from "./clear.js";
import { byId, h, onSubmit } from "./dom.js";
import { bytes, counted, span } from "./format.js";

const STATES = {
  fresh: ["good", "fresh"],
  stale: ["warn", "stale"],
  nothing_there: ["quiet", "known to be nothing"],
  loading: ["warn", "loading"],
  absent: ["bad", "absent"],
};

const ORIGINS = { set: "a set", load: "a load", warm: "a warm run" };

const LOADS = {
  waits: "one waits for a free place",
  runs: "one is under way",
  runs_revoked: "one is under way, and what it brings is not stored: the key was invalidated meanwhile",
};

const REASONS = {
  never_stored: () => "It has never been stored.",
  no_record: () => "Not known: it is longer ago than the tier remembers.",
  expired: () => "Its time to live was over.",
  evicted: () => "Evicted: its tier was at what it may hold.",
  removed: () => "Removed by its key.",
  invalidated: ({ by }) => `Invalidated${by === null ? "" : ` by ${by}`}.`,
  outdated: ({ by }) => `Expired by hand${by === null ? "" : `, by ${by}`}.`,
  cleared: () => "Its tier, or all of the cache, was cleared.",
  restarted: () => "Its tier broke and began empty.",
  revoked: () => "A load brought it, but an invalidation or a set came between.",
  too_large: () => "Larger than max_entry_size.",
  too_many_tags: () => "It had more than 32 tags.",
  unreadable: () => "A load brought it, but it cannot be read back: the log names type and field.",
  not_kept: () => "Its loader asked that it not be stored.",
  no_room: () => "A warm run brought it, and there was no room.",
  load_failed: ({ kind }) => `Its load failed${kind === null ? "" : ` (${kind})`}.`,
};

let shown = null;

export function begin() {
  onSubmit(byId("explain-form"), () => look(byId("explain-key").value.trim()));
}

/// Shows it in the view of entries.
export function open(key) {
  byId("explain-key").value = key;
  if (byId("view-entries").hidden) location.hash = "entries";
  look(key);
}

/// Another token is in use: what was shown may not be for it.
export function renewed() {
  if (shown === null) return;
  shown = null;
  byId("explain-key").value = "";
  byId("explained").replaceChildren();
}

async function look(key) {
  const panel = byId("explained");
  if (key === "") return panel.replaceChildren(h("p", { class: "empty" }, "Type a key first, such as user::42::profile."));
  try {
    const used = token();
    const known = await get("api/explain", { key });
    if (token() !== used) return;
    shown = key;
    panel.replaceChildren(...described(known));
    // On a narrow screen it stands below the list.
    panel.closest(".panel").scrollIntoView({ block: "nearest" });
  } catch (error) {
    panel.replaceChildren(h("p", { class: "error" }, error.message));
  }
}

function described({ key, tier, route, state, enabled, bypassed, held, load, last_absence: absence, text }) {
  const [kind, words] = STATES[state];
  const mark = h("span", { class: "state" }, words);
  mark.dataset.kind = kind;
  const facts = [["Tier", `${tier}${route === null ? ", which takes what no prefix takes" : `, by the prefix ${route}`}`]];
  if (!enabled) facts.push(["Note", "The cache is switched off: nothing is kept."]);
  if (bypassed) facts.push(["Note", "Its tier is out of service until it is revived; reads go to the source."]);
  if (held !== null) facts.push(...heldFacts(held));
  if (load !== null) facts.push(["Load", LOADS[load]]);
  if (absence !== null) {
    const ago = absence.reason === "never_stored" || absence.reason === "no_record" ? "" : ` ${span(Math.floor(absence.ago_s))} ago.`;
    facts.push([held === null ? "Why absent" : "Last absent", REASONS[absence.reason](absence) + ago]);
  }
  const take = h("button", { type: "button", class: "danger", onclick: () => openClear(`key:${key}`, () => look(key)) }, "Remove this key…");
  const again = h("button", { type: "button", onclick: () => look(key) }, "Look again");
  return [
    h("p", { class: "explained-key" }, mark, h("code", {}, key)),
    h("dl", { class: "facts" }, facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("div", { class: "buttons" }, again, take),
    h("details", {}, h("summary", {}, "As the command /cache-explain tells it"), h("pre", {}, text)),
  ];
}

function heldFacts(held) {
  const facts = [["Age", span(held.age_s)]];
  facts.push(held.fresh_for_s > 0 ? ["Fresh for", span(held.fresh_for_s)] : ["Fresh", "no more"]);
  if (held.served_for_s > held.fresh_for_s) facts.push(["Served for", `${span(held.served_for_s)}, where stale values are allowed`]);
  facts.push(["Size", bytes(held.size)], ["Hits", counted(held.hits, "hit", "hits")]);
  facts.push(["Came by", `${ORIGINS[held.source]}${held.took_s > 0 ? ` of ${span(held.took_s)}` : ""}`]);
  if (held.failures > 0) facts.push(["Failures", `${counted(held.failures, "refresh", "refreshes")} in a row failed`]);
  if (held.tags.length > 0) facts.push(["Tags", held.tags.join(", ")]);
  return facts;
}
