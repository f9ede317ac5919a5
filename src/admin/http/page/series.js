// The counters over time. Owns: the samples of the last hour, and what can be read between two of them. Never: asks for one.

/// How far back samples reach, and how old they are when most of them go; seconds.
const KEPT_S = 3_700;
const DENSE_S = 400;
const THIN_S = 10;
/// The shortest stretch that is drawn.
const SHORTEST_S = 30;

export class Series {
  #samples = [];
  #thinned = 0;

  /// A sample has `t`, the time since the cache was started, and `tiers`, the counters of each by name.
  push(uptime, tiers) {
    if (uptime <= (this.last?.t ?? -1)) return;
    this.#samples.push({ t: uptime, tiers: Object.fromEntries(tiers.map((tier) => [tier.tier, tier])) });
    if (uptime - this.#thinned > 60) this.#thin(uptime);
  }

  #thin(now) {
    this.#thinned = now;
    let kept = -Infinity;
    this.#samples = this.#samples.filter(({ t }) => {
      const stays = now - t < KEPT_S && (now - t < DENSE_S || t - kept >= THIN_S);
      if (stays) kept = t;
      return stays;
    });
  }

  get last() {
    return this.#samples.at(-1) ?? null;
  }

  names() {
    return Object.keys(this.last?.tiers ?? {});
  }

  /// The last `span` seconds as far as they are known, in steps of whole multiples of `step`, of these tiers together.
  frame(span, step, names) {
    const now = this.last?.t ?? 0;
    const from = Math.max(now - span, Math.min(this.#samples[0]?.t ?? 0, now - SHORTEST_S));
    const times = [];
    for (let t = Math.ceil(from / step) * step; t < now; t += step) times.push(t);
    // What a moment brought is no rate: the last step is at least half of one.
    if (times.length > 1 && now - times.at(-1) < step / 2) times.pop();
    times.push(now);
    return new Frame(this.#samples, times, names);
  }
}

/// A stretch of time in steps. Every list that it gives has a value for each of `times`; null where nothing is known.
export class Frame {
  #samples;
  #names;

  constructor(samples, times, names) {
    this.#samples = samples;
    this.#names = names;
    this.times = times;
  }

  /// Of the samples the last one at or before `t`; -1 when `t` is before all.
  #before(t) {
    let [low, high] = [-1, this.#samples.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#samples[middle].t <= t) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #sum(sample, read) {
    let sum = 0;
    for (const name of this.#names) sum += sample.tiers[name] === undefined ? 0 : read(sample.tiers[name]);
    return sum;
  }

  /// What a counter stood at, on a straight line between two samples.
  #at(t, read) {
    const place = this.#before(t);
    if (place < 0) return null;
    const [from, to] = [this.#samples[place], this.#samples[place + 1]];
    const start = this.#sum(from, read);
    if (to === undefined || t === from.t) return start;
    return start + (this.#sum(to, read) - start) * ((t - from.t) / (to.t - from.t));
  }

  /// How much a counter grew in each step.
  growth(read) {
    const stood = this.times.map((t) => this.#at(t, read));
    return stood.map((value, place) => {
      const before = place === 0 ? null : stood[place - 1];
      return value === null || before === null ? null : Math.max(0, value - before);
    });
  }

  /// The same for each second.
  rate(read) {
    const { times } = this;
    return this.growth(read).map((grown, place) => (grown === null ? null : grown / (times[place] - times[place - 1])));
  }

  /// What stands at its value until it is another.
  level(read) {
    return this.times.map((t) => this.#at(t, read));
  }

  /// A counter's growth among another's: a hit rate, a mean. Null where the other did not grow.
  share(part, whole) {
    const wholes = this.growth(whole);
    return this.growth(part).map((grown, place) => (grown !== null && wholes[place] > 0 ? grown / wholes[place] : null));
  }

  /// How long the slowest but a few took in each step: 0.99 for all but one in a hundred. The history has no such times.
  quantile(read, wanted) {
    return this.times.map((t, place) => {
      if (place === 0) return null;
      const from = this.#samples[this.#before(this.times[place - 1])];
      const to = this.#samples[this.#before(t)];
      if (from === undefined || to === undefined || from === to) return null;
      return quantileOf(this.#counts(from, to, read), wanted);
    });
  }

  /// How many fell into each bucket between two samples; null where one of them does not know.
  #counts(from, to, read) {
    const counts = [];
    for (const name of this.#names) {
      const [before, after] = [from.tiers[name], to.tiers[name]];
      if (before?.times === undefined || after?.times === undefined) return null;
      const earlier = read(before.times).buckets;
      read(after.times).buckets.forEach((count, place) => {
        counts[place] = (counts[place] ?? 0) + count - (earlier[place] ?? 0);
      });
    }
    return counts;
  }

  // --- The whole stretch as one step ---

  /// The same stretch as one step; it begins where something is known.
  whole() {
    const known = this.#samples[0]?.t ?? 0;
    return new Frame(this.#samples, [Math.max(this.times[0], known), this.times.at(-1)], this.#names);
  }

  get seconds() {
    return this.times.at(-1) - this.times[0];
  }
}

/// Within its bucket as if all were spread evenly there; bucket n ends at 2^n microseconds.
export function quantileOf(counts, wanted) {
  const all = counts === null ? 0 : counts.reduce((sum, count) => sum + (count ?? 0), 0);
  if (all === 0) return null;
  let seen = 0;
  for (const [place, count = 0] of counts.entries()) {
    if (count > 0 && seen + count >= all * wanted) {
      const [low, high] = [place === 0 ? 0 : 2 ** (place - 1), 2 ** place];
      return (low + (high - low) * ((all * wanted - seen) / count)) * 1e-6;
    }
    seen += count;
  }
  return null;
}

// --- What stands where in the counters of a tier ---

export const reads = (tier) => tier.hits + tier.misses;
export const loadsEnded = ({ loads }) => loads.ok + loads.failed + loads.panicked + loads.timed_out + loads.lost;
export const loadsBad = ({ loads }) => loads.failed + loads.panicked + loads.timed_out + loads.lost;
export const loadTime = ({ loads }) => loads.time_s;
export const takenAway = ({ removals }) => removals.removed + removals.invalidated + removals.cleared;
