// A chart over time. Owns: its figure, legend, table, and the cursor that all charts share. Never: knows what it shows.
//
// A frame has `times` (seconds since the cache was started), `clock(t)` for a moment's time of day in seconds, `legend` (name,
// tone, values), `lines` (tone, values, dashed) and `areas` (tone, low, high, soft). The same figures stand in a table, and
// arrow keys move the cursor through them, which a screen reader tells as the value of a slider.

import { areaPath, decades, linear, linePath, logarithmic, roundTicks, timeTicks } from "./draw.js";
import { clock } from "./format.js";
import { h, keyed, s, write } from "./dom.js";

const MARGIN = { left: 46, right: 6, top: 8, bottom: 18 };
const ROWS_MAX = 24;

const charts = new Set();
/// The moment that all charts point at; null: none.
let cursor = null;

function point(t) {
  cursor = t;
  for (const chart of charts) chart.follow();
}

let made = 0;

export class Chart {
  #frame = null;
  #size = { width: 0, height: 0 };
  #parts = {};

  /// `format` writes a value, `axis` one at the axis. `scale` is "linear", "bytes" or "log"; `top` fixes the upper end.
  constructor({ title, unit, format, axis = format, scale = "linear", top = null }) {
    Object.assign(this, { title, format, axis, scale, top });
    made += 1;
    const id = `chart-${made}`;
    const parts = this.#parts;
    parts.title = s("title", { id: `${id}-title` }, title);
    parts.desc = s("desc", { id: `${id}-desc` });
    parts.ink = s("g");
    parts.cross = s("path", { class: "cross" });
    parts.svg = s("svg", { role: "img", "aria-labelledby": `${id}-title ${id}-desc` }, parts.title, parts.desc, parts.ink, parts.cross);
    parts.slider = h("div", {
      class: "cursor",
      role: "slider",
      tabindex: "0",
      "aria-label": `${title}: cursor in time`,
      "aria-valuemin": "0",
      "aria-valuemax": "0",
      "aria-valuenow": "0",
      "aria-valuetext": "no figures yet",
      onpointermove: (event) => this.#hover(event),
      onpointerleave: () => point(null),
      onkeydown: (event) => this.#key(event),
      onblur: () => point(null),
    });
    parts.legend = h("ul", { class: "legend" });
    parts.moment = h("span", { class: "moment" });
    parts.table = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${title}: table` });
    parts.details = h("details", { ontoggle: () => this.#tabulate() }, h("summary", {}, "Table"), parts.table);
    this.node = h("figure", { class: "chart" },
      h("figcaption", {}, h("h3", {}, title), h("span", { class: "unit" }, unit), parts.moment),
      parts.legend,
      h("div", { class: "plot" }, parts.svg, parts.slider),
      parts.details);
    charts.add(this);
    new ResizeObserver(([{ contentRect: { width, height } }]) => {
      this.#size = { width, height };
      this.#draw();
    }).observe(parts.svg.parentNode);
  }

  show(frame) {
    this.#frame = frame;
    this.#draw();
  }

  // --- The picture ---

  #domain() {
    const { lines = [], areas = [] } = this.#frame;
    const values = [...lines.flatMap((line) => line.values), ...areas.flatMap((area) => area.high)].filter((value) => value !== null);
    if (this.scale === "log") {
      const above = values.filter((value) => value > 0);
      const [low, high] = above.length === 0 ? [1e-5, 1e-2] : [Math.min(...above), Math.max(...above)];
      const ticks = decades(low, Math.max(high, low * 2));
      return { ticks, ends: [ticks[0], ticks.at(-1)] };
    }
    const most = this.top ?? Math.max(0, ...values);
    const ticks = roundTicks(most, 4, this.scale === "bytes" ? 1024 : 1000);
    return { ticks: ticks.filter((tick) => this.top === null || tick <= this.top), ends: [0, this.top ?? ticks.at(-1)] };
  }

  #draw() {
    const { width, height } = this.#size;
    if (this.#frame === null || width < 60 || height < 40) return;
    const { times, lines = [], areas = [], marks = [] } = this.#frame;
    const { svg, ink } = this.#parts;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const { ticks, ends } = this.#domain();
    const [bottom, right] = [height - MARGIN.bottom, width - MARGIN.right];
    this.x = linear([times[0], times.at(-1)], [MARGIN.left, right]);
    const y = (this.scale === "log" ? logarithmic : linear)(ends, [bottom, MARGIN.top]);
    const xs = times.map(this.x);
    ink.replaceChildren(
      ...ticks.map((tick) => s("path", { class: "grid", d: `M${MARGIN.left},${Math.round(y(tick)) + 0.5}H${right}` })),
      ...ticks.map((tick) => s("text", { class: "tick", x: MARGIN.left - 6, y: y(tick) + 3.5, "text-anchor": "end" }, this.axis(tick))),
      ...this.#timeAxis(bottom, right),
      ...areas.map(({ tone, low, high, soft }) => s("path", { class: `area ${tone}${soft ? " soft" : ""}`, d: areaPath(xs, low, high, y) })),
      ...lines.map(({ tone, values, dashed }) => s("path", { class: `line ${tone}${dashed ? " dashed" : ""}`, d: linePath(xs, values, y) })),
      ...marks.filter((t) => t >= times[0]).map((t) => s("path", { class: "mark", d: `M${this.x(t).toFixed(1)},${MARGIN.top}V${bottom}` })),
    );
    this.follow();
    if (this.#parts.details.open) this.#tabulate();
    write(this.#parts.desc, this.#told(times.length - 1));
  }

  #timeAxis(bottom, right) {
    const { times, clock: clockOf } = this.#frame;
    const [from, to] = [clockOf(times[0]), clockOf(times.at(-1))];
    const x = linear([from, to], [MARGIN.left, right]);
    const ticks = timeTicks(from, to, this.#size.width < 360 ? 3 : 5);
    const withSeconds = ticks.some((t) => t % 60 !== 0);
    const label = (t) => {
      const place = x(t);
      // One at the very end would be cut off.
      if (place > right - 14) return null;
      return s("text", { class: "tick", x: place, y: bottom + 14, "text-anchor": "middle" }, clock(new Date(t * 1e3), withSeconds));
    };
    return ticks.map(label).filter((node) => node !== null);
  }

  // --- The cursor and the legend ---

  /// The place among the times that the cursor points at; the last one where it does not.
  #place() {
    const { times } = this.#frame;
    if (cursor === null) return times.length - 1;
    let nearest = times.length - 1;
    times.forEach((t, place) => { if (Math.abs(t - cursor) < Math.abs(times[nearest] - cursor)) nearest = place; });
    return nearest;
  }

  #moment(place) {
    const { times, clock: clockOf } = this.#frame;
    return clock(new Date(clockOf(times[place]) * 1e3));
  }

  #told(place) {
    const values = this.#frame.legend.map(({ name, values: list }) => `${name} ${this.format(list[place])}`);
    return `${this.#moment(place)}: ${values.join(", ")}`;
  }

  follow() {
    if (this.#frame === null || this.x === undefined) return;
    const { times, legend } = this.#frame;
    const { cross, moment, slider } = this.#parts;
    const place = this.#place();
    const items = legend.map(({ name, tone, dashed, values }) => ({ name, tone, dashed, value: this.format(values[place]) }));
    keyed(this.#parts.legend, items, ({ name }) => name, ({ tone, dashed, name }) => {
      const number = h("b");
      const node = h("li", {}, h("i", { class: `swatch ${tone}${dashed ? " dashed" : ""}` }), `${name} `, number);
      return { node, update: ({ value }) => write(number, value) };
    });
    write(moment, cursor === null ? "" : this.#moment(place));
    const x = this.x(times[place]).toFixed(1);
    cross.setAttribute("d", cursor === null ? "" : `M${x},${MARGIN.top}V${this.#size.height - MARGIN.bottom}`);
    // One that has the focus would be read out each second; it tells where it is when it is moved.
    if (document.activeElement !== slider || cursor !== null) this.#tellSlider(place);
  }

  #tellSlider(place) {
    const { slider } = this.#parts;
    const told = this.#told(place);
    if (slider.getAttribute("aria-valuetext") === told) return;
    slider.setAttribute("aria-valuemax", String(this.#frame.times.length - 1));
    slider.setAttribute("aria-valuenow", String(place));
    slider.setAttribute("aria-valuetext", told);
  }

  #hover(event) {
    if (this.#frame === null || this.x === undefined) return;
    const box = this.#parts.slider.getBoundingClientRect();
    const { times } = this.#frame;
    const x = linear([MARGIN.left, this.#size.width - MARGIN.right], [times[0], times.at(-1)])(event.clientX - box.left);
    point(Math.min(Math.max(x, times[0]), times.at(-1)));
  }

  #key(event) {
    if (this.#frame === null) return;
    const { times } = this.#frame;
    const place = this.#place();
    const to = {
      ArrowLeft: place - 1, ArrowDown: place - 1, ArrowRight: place + 1, ArrowUp: place + 1,
      PageDown: place - 10, PageUp: place + 10, Home: 0, End: times.length - 1,
    }[event.key];
    if (event.key === "Escape") point(null);
    if (to === undefined) return;
    event.preventDefault();
    point(times[Math.min(Math.max(to, 0), times.length - 1)]);
  }

  // --- The same as a table ---

  #tabulate() {
    const { details, table } = this.#parts;
    if (!details.open || this.#frame === null) return;
    const { times, legend } = this.#frame;
    const step = Math.ceil(times.length / ROWS_MAX);
    const places = times.map((_, place) => place).filter((place) => (times.length - 1 - place) % step === 0).reverse();
    const head = h("tr", {}, h("th", { scope: "col" }, "time"), legend.map(({ name }) => h("th", { scope: "col" }, name)));
    const row = (place) => h("tr", {}, h("th", { scope: "row" }, this.#moment(place)),
      legend.map(({ values }) => h("td", {}, this.format(values[place]))));
    table.replaceChildren(h("table", {}, h("caption", { class: "aside" }, this.title), h("thead", {}, head), h("tbody", {}, places.map(row))));
  }
}
