// Numbers, sizes and times as people read them. Owns: the way each is written. Never: knows what a number stands for.

export const NONE = "\u2013"; // an en dash: there is no such number
/// Between a number and its unit, so that they stay on a line.
const BLANK = "\u00a0";
const KB = 1024;
const MB = KB * KB;

export const count = (number) => Math.round(number).toLocaleString("en");

/// The number and the word for it: "1 entry", "1,234 entries".
export const counted = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;

/// In three digits: 0.25, 9.4, 340, 12.3k, 4.1M.
export function short(number) {
  if (number === null || Number.isNaN(number)) return NONE;
  for (const [unit, size] of [["G", 1e9], ["M", 1e6], ["k", 1e3]]) {
    if (number >= size * 0.9995) return digits(number / size) + unit;
  }
  return digits(number);
}

function digits(number) {
  if (number === 0) return "0";
  if (number >= 99.95) return String(Math.round(number));
  if (number >= 9.995) return trim(number.toFixed(1));
  return number < 0.005 ? "<0.01" : trim(number.toFixed(2));
}

const trim = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);

export const rate = (number) => (number === null || Number.isNaN(number) ? NONE : `${short(number)}/s`);

/// 0.9312 as "93.1 %".
export function percent(share) {
  if (share === null || Number.isNaN(share)) return NONE;
  const hundred = share * 100;
  // Nearly all is not all.
  const text = hundred > 99.95 && hundred < 100 ? ">99.9" : hundred.toFixed(hundred === 100 ? 0 : 1);
  return `${text}${BLANK}%`;
}

/// MB of 2^20 bytes, as everywhere in the cache.
export function bytes(number) {
  if (number === null || Number.isNaN(number)) return NONE;
  if (number < 1000) return counted(number, "byte", "bytes");
  for (const [unit, size] of [["KB", KB], ["MB", MB]]) {
    if (number < size * 999.5) return `${threeDigits(number / size)}${BLANK}${unit}`;
  }
  return `${threeDigits(number / MB / KB)}${BLANK}GB`;
}

const threeDigits = (number) =>
  number.toLocaleString("en", { maximumFractionDigits: number < 1 ? 2 : number < 100 ? 1 : 0 });

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/// A time in its two largest units: "2d 3h", "1h 30m", "12.5 s", "3.4 ms", "40 µs".
export function span(seconds) {
  if (seconds === null || Number.isNaN(seconds)) return NONE;
  const two = (large, unit, small, smallUnit) => {
    const rest = Math.floor((seconds % large) / small);
    return `${Math.floor(seconds / large)}${unit}${rest === 0 ? "" : `${BLANK}${rest}${smallUnit}`}`;
  };
  if (seconds >= DAY) return two(DAY, "d", HOUR, "h");
  if (seconds >= HOUR) return two(HOUR, "h", MINUTE, "m");
  if (seconds >= MINUTE) return two(MINUTE, "m", 1, "s");
  if (seconds >= 1) return `${trim(seconds.toFixed(1))}${BLANK}s`;
  if (seconds >= 1e-3) return `${trim((seconds * 1e3).toPrecision(seconds < 0.1 ? 2 : 3))}${BLANK}ms`;
  return seconds === 0 ? "0" : `${Math.max(1, Math.round(seconds * 1e6))}${BLANK}\u00b5s`;
}

/// "10m" or "1h 30m" or "90" in seconds; null for what is none.
export function seconds(text) {
  const units = { s: 1, m: MINUTE, h: HOUR, d: DAY };
  const parts = text.trim().toLowerCase().match(/\d+\s*[smhd]?/g) ?? [];
  if (parts.join("").replace(/\s/g, "") !== text.toLowerCase().replace(/\s/g, "")) return null;
  const total = parts.reduce((sum, part) => sum + parseInt(part, 10) * (units[part.at(-1)] ?? 1), 0);
  return total > 0 ? total : null;
}

/// The time of day.
export const clock = (date, withSeconds = true) =>
  date.toLocaleTimeString("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    second: withSeconds ? "2-digit" : undefined,
  });
