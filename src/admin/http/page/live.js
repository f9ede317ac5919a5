// The connection to the host. Owns: the stream, when it is begun again, and what came of it. Never: draws.

import { get, listen } from "./ask.js";
import { Series } from "./series.js";

const INFO_EACH_MS = 3_000;
/// By how much the start of the same cache may seem to move.
const ANOTHER_S = 30;
const PAUSE_MS = { first: 500, most: 8_000 };

/// What is known: `stats` is the last event with counters, `info` the last status.
/// `began` is when the cache was started, in seconds of this machine's clock.
export const known = {
  series: new Series(),
  began: 0,
  stats: null,
  info: null,
  infoError: null,
  answered: null,
  state: "connecting",
  trouble: "",
};

const hearers = { change: [], event: [], info: [] };
let session = null;

/// `change`: counters or connection have changed. `event`: something took place. `info`: there is a new status.
export const on = (what, hear) => hearers[what].push(hear);
const tell = (what, data) => hearers[what].forEach((hear) => hear(data));

/// Begins, or begins anew with another token.
export function connect() {
  session?.abort();
  session = new AbortController();
  known.infoError = null;
  follow(session.signal);
  watch(session.signal);
}

/// Asks for the status once more, for it has just been changed.
export const refresh = () => status(session.signal);

async function follow(signal) {
  let pause = PAUSE_MS.first;
  while (!signal.aborted) {
    try {
      await past(signal);
      for await (const { kind, data } of listen("api/events", { stats: 1, kinds: "load_failed,cleared,restarted" }, signal)) {
        if (signal.aborted) return;
        pause = PAUSE_MS.first;
        if (kind === "stats") take(data);
        else if (kind === "ended") enter("ended", "The cache has ended. Waiting for it to be started again.");
        else tell("event", { kind, data, at: new Date() });
      }
      if (known.state === "live") enter("waiting", "The host closed the stream. Trying again.");
    } catch (error) {
      if (signal.aborted) return;
      // All else, such as too many who listen, says nothing about whether it lives.
      if (error.status === 0 || error.status === 503) known.infoError = error;
      enter("waiting", `${error.message} Trying again.`);
    }
    await rest(pause, signal);
    pause = Math.min(pause * 2, PAUSE_MS.most);
  }
}

/// What was before the page was opened, or since the stream broke off.
async function past(signal) {
  const [{ uptime_s: uptime }, { samples }] = await Promise.all([get("api/info"), get("api/history")]);
  if (signal.aborted) return;
  const began = Date.now() / 1e3 - uptime;
  // It was started anew: nothing that was counted before goes on.
  if (Math.abs(began - known.began) > ANOTHER_S) known.series = new Series();
  known.began = began;
  for (const sample of samples) known.series.push(sample.uptime_s, sample.tiers);
}

function take(stats) {
  known.stats = stats;
  known.series.push(stats.uptime_s, stats.tiers);
  enter("live", "");
}

function enter(state, trouble) {
  known.state = state;
  known.trouble = trouble;
  tell("change");
}

async function watch(signal) {
  while (!signal.aborted) {
    if (!document.hidden || known.info === null) await status(signal);
    await rest(INFO_EACH_MS, signal);
  }
}

/// The supervisor answers this itself, so it also tells whether the actors live.
async function status(signal) {
  const began = performance.now();
  try {
    const info = await get("api/info");
    if (signal.aborted) return;
    known.info = info;
    known.infoError = null;
    known.answered = (performance.now() - began) / 1e3;
  } catch (error) {
    if (signal.aborted) return;
    known.infoError = error;
  }
  tell("info");
}

const rest = (pause, signal) =>
  new Promise((done) => {
    const timer = setTimeout(done, pause);
    signal.addEventListener("abort", () => { clearTimeout(timer); done(); }, { once: true });
  });
