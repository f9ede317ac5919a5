// What took place. Owns: the list of what is rare enough to be told one by one. Never: keeps more than fits a look.

import { byId, h, keyed, show, write } from "./dom.js";
import { bytes, clock, counted } from "./format.js";
import { open as explain } from "./explain.js";
import { on } from "./live.js";

/// Lines, and for how long the same goes on counting in one of them.
const MOST = 40;
const SAME_MS = 60_000;

const HOW = {
  LoadFailed: "failed",
  LoadPanicked: "panicked",
  LoadTimeout: "took too long",
  LoadLost: "got lost with its runtime",
};

/// Of a kind: what makes two the same, how bad it is, and the words for so many of them, with the sum of what they count.
const KINDS = {
  load_failed: ({ tier, kind }) => ({
    same: `${tier} ${kind}`,
    tone: "bad",
    words: (times) => `${tier}: ${counted(times, "load", "loads")} ${HOW[kind] ?? `ended as ${kind}`}`,
  }),
  cleared: ({ tier, count, bytes: size }) => ({
    words: () => `${tier}: cleared, ${counted(count, "entry", "entries")}, ${bytes(size)}`,
  }),
  restarted: ({ tier }) => ({
    same: tier,
    tone: "bad",
    words: (times, lost) => `${tier}: broke and was put back in place, empty${times === 1 ? "" : `, ${times} times`}; `
      + `${counted(lost, "entry", "entries")} lost`,
  }),
  missed: ({ count, tier, cause }) => ({
    tone: "quiet",
    words: () => (tier === undefined
      ? `${counted(count, "event", "events")} of loads left out here: there were too many`
      : `${tier}: ${counted(count, "entry", "entries")} ${cause}`),
  }),
};

/// What stands in the list, the newest first.
let lines = [];

export function begin() {
  on("event", ({ kind, data, at }) => {
    const { same, tone, words } = KINDS[kind]?.(data) ?? { tone: "quiet", words: () => kind };
    const before = lines.find((line) => same !== undefined && line.same === same && at - line.at < SAME_MS);
    const line = before ?? { id: Symbol(kind), same, tone, words, times: 0, sum: 0 };
    Object.assign(line, { at, times: line.times + 1, sum: line.sum + (data.count ?? 0), key: data.key });
    lines = [line, ...lines.filter((other) => other !== line)].slice(0, MOST);
  });
}

/// Another token is in use, or none: keys that were told may not be for whoever looks now.
export function renewed() {
  for (const line of lines) delete line.key;
  draw();
}

export function draw() {
  show(byId("events-words"), lines.length === 0);
  keyed(byId("events"), lines, ({ id }) => id, ({ tone }) => {
    const [time, words, key] = [h("time"), h("span"), h("button", { type: "button", class: "key" })];
    const node = h("li", { class: tone }, time, words, key);
    const update = (line) => {
      time.dateTime = line.at.toISOString();
      write(time, clock(line.at));
      write(words, line.words(line.times, line.sum));
      show(key, line.key !== undefined);
      write(key, line.key ?? "");
      key.title = line.key === undefined ? "" : `Explain ${line.key}`;
      key.onclick = () => explain(line.key);
    };
    return { node, update };
  });
}
