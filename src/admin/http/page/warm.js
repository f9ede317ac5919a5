// The warm sources. Owns: their list, their progress, and having them run. Never: waits for a run; the counters tell how far it is.

import { post } from "./ask.js";
import { busy, byId, h, keyed, say, show, write } from "./dom.js";
import { count, counted, span } from "./format.js";
import { known } from "./live.js";

export function begin() {
  const all = byId("warm-all");
  all.addEventListener("click", () => busy(all, () => run("all")));
}

async function run(scope) {
  const { running, stored, sources } = await post("api/warm", { scope });
  const failed = sources.filter(({ error }) => error !== null).map(({ source, error }) => `${source}: ${error}`);
  if (running) say("Warming goes on; the bars tell how far it is.");
  else if (failed.length > 0) say(`Not all went well. ${failed.join("; ")}.`, true);
  else say(`Warmed: ${counted(stored, "entry", "entries")} stored by ${counted(sources.length, "source", "sources")}.`);
}

export function draw() {
  if (byId("view-operate").hidden) return;
  const { warm } = known.stats ?? { warm: [] };
  write(byId("warm-words"), warm.length === 0 ? "This host has no warm sources." : "");
  show(byId("warm-all"), warm.length > 0);
  keyed(byId("warm"), warm, ({ source }) => source, row);
}

function row({ source, tier }) {
  const [words, bar] = [h("p"), h("progress", { "aria-label": `Progress of ${source}` })];
  const button = h("button", { type: "button", "aria-label": `Warm tier ${tier}`, onclick: () => busy(button, () => run(tier)) }, `Warm ${tier}`);
  const node = h("li", {}, h("div", {}, h("b", {}, source), words, bar), button);
  node.dataset.source = source;
  return { node, update: (of) => update(of, words, bar) };
}

function update({ running, done, of, runs, failures, stored, last_took_s: took, last_error: error }, words, bar) {
  show(bar, running);
  if (running) {
    // Before it has read its source nobody knows how much there is.
    if (of > 0) {
      bar.max = of;
      bar.value = done;
    } else bar.removeAttribute("value");
    write(words, of > 0 ? `${count(done)} of ${count(of)}` : "reading its source");
    return;
  }
  const last = took === null ? "" : `, the last in ${span(took)}`;
  const bad = failures === 0 ? "" : `; ${counted(failures, "failed", "failed")}${error === null ? "" : `, at last: ${error}`}`;
  write(words, runs + failures === 0 ? "has not run yet" : `${counted(runs, "run", "runs")}${last}; ${count(stored)} stored${bad}`);
}
