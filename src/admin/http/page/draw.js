// Lines, areas and scales. Owns: their geometry. Never: touches the page.

/// A scale from values to places.
export const linear = ([low, high], [from, to]) => (value) => from + ((value - low) / (high - low || 1)) * (to - from);

export function logarithmic([low, high], range) {
  const scale = linear([Math.log(low), Math.log(high)], range);
  return (value) => scale(Math.log(Math.max(value, low)));
}

/// About `count` round values from 0 to at least `most`; `unit` is 1024 for bytes.
export function roundTicks(highest, count, unit = 1000) {
  const most = highest || 1;
  const size = unit ** Math.max(0, Math.floor(Math.log(most) / Math.log(unit)));
  const rough = most / size / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999) * size;
  const ticks = [];
  for (let value = 0; value < most + step * 0.999; value += step) ticks.push(value);
  return ticks;
}

/// The powers of ten around two values.
export function decades(low, high) {
  const ticks = [];
  const last = Math.ceil(Math.log10(high));
  for (let power = Math.floor(Math.log10(low)); power <= last; power += 1) ticks.push(10 ** power);
  return ticks;
}

/// Moments at round times of day for an axis from `from` to `to`, in seconds of the clock.
export function timeTicks(from, to, count) {
  const steps = [15, 30, 60, 120, 300, 600, 900, 1_800, 3_600];
  const step = steps.find((each) => (to - from) / each <= count) ?? steps.at(-1);
  const ticks = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) ticks.push(t);
  return ticks;
}

/// The places where values are known, in runs without a gap.
function runs(values) {
  const found = [];
  values.forEach((value, place) => {
    if (value === null) return;
    if (found.at(-1)?.at(-1) === place - 1) found.at(-1).push(place);
    else found.push([place]);
  });
  return found;
}

const at = (x, y) => `${x.toFixed(1)},${y.toFixed(1)}`;

/// A value alone becomes a short dash, or nobody would see it.
export function linePath(xs, values, y) {
  const run = (places) => {
    const points = places.map((place) => at(xs[place], y(values[place])));
    if (places.length > 1) return `M${points.join("L")}`;
    return `M${at(xs[places[0]] - 1, y(values[places[0]]))}h2`;
  };
  return runs(values).map(run).join("");
}

/// What lies between two lines.
export function areaPath(xs, lows, highs, y) {
  const run = (places) => {
    const top = places.map((place) => at(xs[place], y(highs[place])));
    const bottom = places.map((place) => at(xs[place], y(lows[place]))).reverse();
    return places.length > 1 ? `M${top.join("L")}L${bottom.join("L")}Z` : "";
  };
  return runs(highs).map(run).join("");
}

/// Lists on top of each other: each with the sum of those before as `low`.
export function stacked(lists) {
  let low = lists[0]?.map(() => 0) ?? [];
  return lists.map((values) => {
    const [from, high] = [low, values.map((value, place) => (value === null ? null : low[place] + value))];
    low = high.map((value) => value ?? 0);
    return { low: from, high };
  });
}
