// The browser of entries. Owns: what is asked for, the pages and their order. Never: shows a value; nobody can ask for one.

import { get } from "./ask.js";
import { token } from "./access.js";
import { open as openClear } from "./clear.js";
import { busy, byId, h, keyed, onSubmit, show, write } from "./dom.js";
import { bytes, count, counted, span } from "./format.js";
import { open as explain } from "./explain.js";
import { known } from "./live.js";

/// The columns by which entries can be sorted; the server's own order is used when one is chosen first.
const COLUMNS = { key: "key", size: "size", age: "age", left: "time left", hits: "hits" };
const ASCENDING_FIRST = ["key", "left"];

const wanted = { sort: "hits", order: "desc" };
/// The cursors of the pages that led here; the first page has none.
let pages = [""];
let next = null;
let answered = null;

export function begin() {
  for (const head of document.querySelectorAll("#entries th[data-sort]")) {
    const { sort } = head.dataset;
    head.append(h("button", { type: "button", class: "sort", onclick: () => sortBy(sort) }, COLUMNS[sort]));
  }
  onSubmit(byId("entries-form"), first);
  for (const id of ["entries-tier", "entries-state", "entries-limit"]) byId(id).addEventListener("change", first);
  byId("entries-next").addEventListener("click", ({ target }) => busy(target, () => turn([...pages, next])));
  byId("entries-back").addEventListener("click", ({ target }) => busy(target, () => turn(pages.slice(0, -1))));
  byId("entries-clear").addEventListener("click", () => openClear(answered.scope, first));
}

/// Another token is in use.
export function renewed() {
  answered = null;
  byId("entries").tBodies[0].replaceChildren();
  if (token() !== null && !byId("view-entries").hidden) first();
}

/// The view has come up.
export function opened() {
  if (answered === null && token() !== null) first();
}

function sortBy(sort) {
  const turned = { asc: "desc", desc: "asc" }[wanted.order];
  wanted.order = wanted.sort === sort ? turned : ASCENDING_FIRST.includes(sort) ? "asc" : "desc";
  wanted.sort = sort;
  first();
}

const first = () => turn([""]);

async function turn(to) {
  const names = known.info?.tiers.map(({ tier }) => tier) ?? [];
  keyed(byId("entries-tier"), ["", ...names], (name) => name, (name) =>
    ({ node: h("option", { value: name }, name || "all"), update: () => {} }));
  const scope = byId("scope").value.trim();
  const [tier, state, limit] = ["tier", "state", "limit"].map((name) => byId(`entries-${name}`).value);
  const asked = { scope, tier, state, limit, cursor: to.at(-1), ...wanted };
  const used = token();
  try {
    const page = await get("api/entries", asked);
    if (token() !== used) return;
    pages = to;
    next = page.next;
    answered = { ...page, scope: scopeOf(asked), isNarrower: tier !== "" && scope !== "" || state !== "" };
    draw();
  } catch (error) {
    answered = null;
    byId("entries").tBodies[0].replaceChildren();
    write(byId("entries-words"), error.message);
    show(byId("entries-clear"), false);
  }
}

/// What a clear would have to be told to take the same; it knows no state, and no tier beside a pattern.
const scopeOf = ({ scope, tier }) => (scope !== "" ? scope : tier === "" ? "all" : `tier:${tier}`);

function draw() {
  const { entries, matched, bytes: size, isNarrower } = answered;
  write(byId("entries-words"), matched === 0 ? "Nothing matches." : `${counted(matched, "entry", "entries")}, ${bytes(size)}`);
  show(byId("entries-clear"), matched > 0 && !isNarrower);
  byId("entries").tBodies[0].replaceChildren(...entries.map(row));
  for (const head of document.querySelectorAll("#entries th[data-sort]")) {
    const isIt = head.dataset.sort === wanted.sort;
    if (isIt) head.setAttribute("aria-sort", wanted.order === "asc" ? "ascending" : "descending");
    else head.removeAttribute("aria-sort");
  }
  byId("entries-back").disabled = pages.length === 1;
  byId("entries-next").disabled = next === null;
  const limit = Number(byId("entries-limit").value);
  const from = (pages.length - 1) * limit;
  write(byId("entries-page"), entries.length === 0 ? "" : `${count(from + 1)} to ${count(from + entries.length)} of ${count(matched)}`);
}

/// Explains a key, and marks its row.
function choose(button, key) {
  document.querySelector("#entries [aria-current]")?.removeAttribute("aria-current");
  button.setAttribute("aria-current", "true");
  explain(key);
}

const KINDS = { fresh: "good", stale: "warn", expired: "quiet", nothing: "quiet" };

function row(entry) {
  const number = (text) => h("td", { class: "number" }, text);
  const state = h("span", { class: "state" }, entry.state);
  state.dataset.kind = KINDS[entry.state];
  const left = entry.left_s > 0 ? span(entry.left_s) : entry.stale_left_s > 0 ? `stale for ${span(entry.stale_left_s)}` : "over";
  const key = h("button", { type: "button", class: "key", title: `Explain ${entry.key}`, onclick: () => choose(key, entry.key) }, entry.key);
  return h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, entry.tier), h("td", {}, state), number(bytes(entry.size)),
    number(span(entry.age_s)), number(left), number(count(entry.hits)), h("td", {}, entry.source),
    number(entry.tags === 0 ? "" : count(entry.tags)));
}
