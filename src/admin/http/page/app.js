// The page. Owns: its beginning, the views and the line of states. Never: knows what a view shows.

import * as access from "./access.js";
import * as advice from "./advice.js";
import * as clear from "./clear.js";
import * as entries from "./entries.js";
import * as events from "./events.js";
import * as explain from "./explain.js";
import * as overview from "./overview.js";
import * as settings from "./settings.js";
import * as tiers from "./tiers.js";
import * as top from "./top.js";
import * as warm from "./warm.js";
import { byId, say, show, write } from "./dom.js";
import { span } from "./format.js";
import { connect, known, on } from "./live.js";

const VIEWS = ["overview", "entries", "operate"];

let asked = false;

/// Shows the view that the address names, without the token's part, which is gone from it by now.
function route() {
  const named = location.hash.slice(1);
  const view = VIEWS.includes(named) ? named : VIEWS.find((each) => !byId(`view-${each}`).hidden) ?? VIEWS[0];
  for (const each of VIEWS) {
    show(byId(`view-${each}`), each === view);
    const link = document.querySelector(`nav a[href="#${each}"]`);
    if (each === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "entries") entries.opened();
  redraw();
}

function state(node, kind, words) {
  node.dataset.kind = kind;
  write(node, words);
  show(node, words !== "");
}

function states() {
  const { info, infoError, state: stream, trouble, stats } = known;
  const dead = infoError !== null && stream !== "ended";
  if (stream === "ended") state(byId("health"), "bad", "ended");
  else if (dead) state(byId("health"), "bad", infoError.status === 0 ? "unreachable" : "does not answer");
  else if (info !== null) {
    const failed = info.tiers.filter((tier) => tier.state === "failed").map((tier) => tier.tier);
    if (!info.enabled) state(byId("health"), "warn", "switched off");
    else if (failed.length > 0) state(byId("health"), "bad", `failed: ${failed.join(", ")}`);
    else state(byId("health"), "good", "healthy");
    state(byId("ready"), info.ready ? "good" : "warn", info.ready ? "ready" : "still warming");
  }
  state(byId("stream"), stream === "live" ? "good" : "warn", stream === "live" ? "live" : "not live");
  if (stats !== null) write(byId("uptime"), `up ${span(Math.floor(stats.uptime_s))}`);
  write(byId("trouble"), trouble);
  show(byId("trouble"), trouble !== "");
}

/// Draws what is shown, once for however much came since the last time.
function redraw() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    states();
    if (known.series.last === null) return;
    overview.draw();
    tiers.draw();
    events.draw();
    warm.draw();
  });
}

/// Another token is in use, or none: all is asked anew. A wrong one is tried once, not by everything at the same time: the host
/// slows down who tries many.
async function renewed() {
  const used = access.token();
  await access.check();
  if (access.token() !== used) return; // it was refused, and this was called again
  connect();
  for (const part of [events, top, entries, explain]) part.renewed();
  advice.ask();
}

access.begin(renewed);
for (const part of [overview, tiers, clear, entries, explain, settings, warm]) part.begin();
events.begin();
on("change", redraw);
on("info", () => {
  if (known.info !== null) {
    access.rights(known.info.access);
    settings.draw();
    write(byId("uptime"), `up ${span(Math.floor(known.info.uptime_s))}`);
  }
  redraw();
});
byId("said-close").addEventListener("click", () => say(""));
window.addEventListener("hashchange", () => {
  if (access.fromLink()) renewed();
  else route();
});
route();
renewed();
setInterval(() => {
  if (document.hidden) return;
  top.ask();
  advice.ask();
}, 10_000);
