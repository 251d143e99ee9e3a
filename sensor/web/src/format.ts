// Numbers, times and foreign strings as people read them.
import type { Count, Value } from "./contract";

export function number(count: Count | null | undefined): number {
  return count === null || count === undefined ? 0 : Number(count);
}

/** A count as a number; nothing where nobody tells it. */
export function told(count: Count | null): number | null {
  return count === null ? null : Number(count);
}

/** What nobody tells. */
const ABSENT = "\u2013";

const PREFIXES = ["", "k", "M", "G", "T", "P", "E"];

/** Three significant digits with an SI prefix. */
export function si(value: number | null, unit: string): string {
  if (value === null) return ABSENT;
  const size = Math.abs(value);
  let step = 0;
  while (step < PREFIXES.length - 1 && size >= 999.5 * 1000 ** step) step += 1;
  const scaled = value / 1000 ** step;
  const digits = step === 0 && Number.isInteger(value) ? 0 : Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0;
  const prefix = PREFIXES[step] ?? "";
  return `${scaled.toFixed(digits)}${prefix || unit ? "\u00a0" : ""}${prefix}${unit}`;
}

/** All digits, in groups. A count beyond 2^53 keeps its last digit. */
export function grouped(count: Count | null): string {
  if (count === null) return ABSENT;
  return String(count).replace(/^(-?)(\d+)/, (_, sign: string, digits: string) => sign + digits.replace(/\B(?=(\d{3})+$)/g, "\u202f"));
}

export const UNITS = { bps: "bit/s", pps: "pkt/s", fps: "flows/s" } as const;
export type Unit = keyof typeof UNITS;

export const METRICS = { octets: "B", packets: "", flows: "" } as const;
export type Metric = keyof typeof METRICS;

export const METRIC_OF: Record<Unit, Metric> = { bps: "octets", pps: "packets", fps: "flows" };

export function rate(value: number | null, unit: Unit): string {
  return si(value, UNITS[unit]);
}

/** A share of one as per cent. */
export function percent(share: number | null): string {
  if (share === null) return ABSENT;
  return share > 0 && share < 0.001 ? "<0.1\u00a0%" : `${(share * 100).toFixed(1)}\u00a0%`;
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}\u00a0ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)}\u00a0s`;
  const parts: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const said: string[] = [];
  let rest = Math.round(seconds);
  for (const [size, name] of parts) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole > 0) said.push(`${whole}\u00a0${name}`);
    if (said.length === 2) break;
  }
  return said.join(" ");
}

const pad = (value: number, width = 2): string => String(value).padStart(width, "0");

/** Local time of day, to the second. */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** Local date and time, to the second. */
export function moment(ms: number): string {
  return `${day(ms)} ${clock(ms)}`;
}

export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

export function utc(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace(/\.000Z$/, " UTC").replace(/Z$/, " UTC");
}

/** The time of day, with the date where the range spans more than this day. */
export function when(ms: number, reference: number): string {
  return day(ms) === day(reference) ? clock(ms) : moment(ms);
}

/** Local time for an `<input type="datetime-local">`. */
export function toInput(ms: number): string {
  return moment(ms).replace(" ", "T");
}

export function fromInput(text: string): number | null {
  const ms = new Date(text).getTime();
  return Number.isFinite(ms) ? ms : null;
}

// Characters that reorder text or show nothing: a name from the network must not be able to look like another.
const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\u{e0000}-\u{e007f}]/gu;

/** Text of unknown origin, with what nobody could see made visible. */
export function visible(text: string): string {
  return text.replace(HIDDEN, (found) => `\u27e8U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);
}

/** Any value of a field. */
export function shown(value: Value | undefined): string {
  if (value === null || value === undefined) return ABSENT;
  if (Array.isArray(value)) return value.map(shown).join(", ");
  return visible(String(value));
}

const BY_TIME: Record<string, (ms: number) => number> = {
  start: (ms) => ms,
  end: (ms) => ms,
  timestamp: (s) => s * 1000,
  flowrtime: (s) => s * 1000,
};

/** The moment that a field tells, in ms. */
export function timeOf(field: string, value: Value): number | null {
  const scale = BY_TIME[field];
  return scale && (typeof value === "number" || typeof value === "string") ? scale(Number(value)) : null;
}

const SIZES: Record<string, string> = { octets: "B", layer2octets: "B", bits: "bit", flowbrate: "bit/s", flowprate: "pkt/s", bitsxrate: "bit" };

/** A cell of a field: sizes with their unit, times as moments, the rest as it is. */
export function cell(field: string, value: Value): string {
  if (value === null) return ABSENT;
  const at = timeOf(field, value);
  if (at !== null) return moment(at);
  const unit = SIZES[field];
  if (unit && (typeof value === "number" || typeof value === "string")) return si(Number(value), unit);
  if (field === "duration" && typeof value === "number") return duration(value);
  if (field === "packets" || field === "packetsxrate") return grouped(value as Count);
  return shown(value);
}
