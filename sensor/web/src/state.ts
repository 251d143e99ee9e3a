// What the page shows, and its form in the URL. One row for each parameter: how it is read, written, and its usual value.
import type { Metric, Unit } from "./format";

export const VIEWS = ["now", "flows", "hits", "policies", "sources", "hunt"] as const;
export type View = (typeof VIEWS)[number];

export const TITLES: Record<View, string> = {
  now: "Now",
  flows: "Flows",
  hits: "Hits",
  policies: "Policies",
  sources: "Labels & sources",
  hunt: "Hunt",
};

export type Range = { kind: "last"; ms: number } | { kind: "all" } | { kind: "between"; from: number; to: number };

export const ORDERS = ["newest", "oldest", "octets", "packets", "duration"] as const;
export type Order = (typeof ORDERS)[number];

export const RANKS = ["avg", "max", "last"] as const;
export type Rank = (typeof RANKS)[number];

export interface State {
  view: View;
  q: string;
  /** Conditions beside `q`, each plain NQL. */
  chips: string[];
  range: Range;
  /** The moment at which the page was paused. */
  at: number | null;
  source: string;
  hideSelf: boolean;
  unit: Unit;
  by: string[];
  rank: Rank;
  both: boolean;
  previous: boolean;
  table: boolean;
  columns: string[];
  order: Order;
  flow: string;
  policy: string;
  hit: string;
  lookup: string;
  context: string;
  hunt: "top" | "series" | "common";
  group: string[];
  metric: Metric;
  count: number;
  queries: string[];
  period: number;
}

interface Codec<T> {
  name: string;
  usual: T;
  read: (texts: string[]) => T | null;
  write: (value: T) => string[];
}

const text = (name: string, usual = ""): Codec<string> => ({
  name,
  usual,
  read: ([first]) => first ?? null,
  write: (value) => [value],
});

const list = (name: string, usual: string[] = []): Codec<string[]> => ({
  name,
  usual,
  read: ([first]) => first?.split(",").filter((part) => part !== "") ?? null,
  write: (value) => [value.join(",")],
});

const many = (name: string): Codec<string[]> => ({ name, usual: [], read: (texts) => texts.filter((one) => one.trim() !== ""), write: (value) => value });

const flag = (name: string): Codec<boolean> => ({ name, usual: false, read: ([first]) => first === "1", write: (value) => [value ? "1" : "0"] });

const choice = <T extends string>(name: string, all: readonly T[], usual: T): Codec<T> => ({
  name,
  usual,
  read: ([first]) => all.find((one) => one === first) ?? null,
  write: (value) => [value],
});

const count = (name: string, usual: number, from: number, to: number): Codec<number> => ({
  name,
  usual,
  read: ([first]) => {
    const value = Number(first);
    return Number.isInteger(value) && value >= from && value <= to ? value : null;
  },
  write: (value) => [String(value)],
});

const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** What the buttons of the bar offer. */
export const LASTS: { label: string; name: string; range: Range }[] = [
  { label: "5m", name: "last 5 minutes", range: { kind: "last", ms: 5 * MINUTE } },
  { label: "15m", name: "last 15 minutes", range: { kind: "last", ms: 15 * MINUTE } },
  { label: "1h", name: "last hour", range: { kind: "last", ms: HOUR } },
  { label: "all", name: "all held flows", range: { kind: "all" } },
];

const range: Codec<Range> = {
  name: "range",
  usual: { kind: "last", ms: 15 * MINUTE },
  read: ([first]) => {
    if (first === "all") return { kind: "all" };
    const last = /^(\d{1,6})m$/.exec(first ?? "");
    if (last && Number(last[1]) > 0) return { kind: "last", ms: Number(last[1]) * MINUTE };
    const between = /^(\d{1,15})-(\d{1,15})$/.exec(first ?? "");
    const [from, to] = [Number(between?.[1]), Number(between?.[2])];
    return from < to ? { kind: "between", from, to } : null;
  },
  write: (value) => {
    if (value.kind === "all") return ["all"];
    return [value.kind === "last" ? `${Math.round(value.ms / MINUTE)}m` : `${Math.round(value.from)}-${Math.round(value.to)}`];
  },
};

const at: Codec<number | null> = {
  name: "at",
  usual: null,
  read: ([first]) => (/^\d{1,15}$/.test(first ?? "") ? Number(first) : null),
  write: (value) => (value === null ? [] : [String(Math.round(value))]),
};

export const COLUMNS = ["end", "srcip", "srcport", "dstip", "dstport", "protocol", "octets", "packets", "duration"];

const PARAMETERS: { [Key in keyof State]: Codec<State[Key]> } = {
  view: choice("view", VIEWS, "now"),
  q: text("q"),
  chips: many("c"),
  range,
  at,
  source: text("source"),
  hideSelf: flag("hide_self"),
  unit: choice("unit", ["bps", "pps", "fps"], "bps"),
  by: list("by"),
  rank: choice("rank", RANKS, "avg"),
  both: flag("both"),
  previous: flag("previous"),
  table: flag("table"),
  columns: list("columns", COLUMNS),
  order: choice("order", ORDERS, "newest"),
  flow: text("flow"),
  policy: text("policy"),
  hit: text("hit"),
  lookup: text("lookup"),
  context: text("context"),
  hunt: choice("hunt", ["top", "series", "common"], "top"),
  group: list("group", ["srcip"]),
  metric: choice("metric", ["octets", "packets", "flows"], "octets"),
  count: count("n", 20, 1, 1000),
  queries: many("common"),
  period: count("period", 0, 0, 86_400_000),
};

const keys = Object.keys(PARAMETERS) as (keyof State)[];

/** Any text becomes a state: what is not understood is as usual. */
export function fromSearch(search: string): State {
  const given = new URLSearchParams(search);
  const read = <Key extends keyof State>(key: Key): State[Key] => {
    const codec = PARAMETERS[key];
    return given.has(codec.name) ? (codec.read(given.getAll(codec.name)) ?? codec.usual) : codec.usual;
  };
  return Object.fromEntries(keys.map((key) => [key, read(key)])) as unknown as State;
}

/** Only what is not as usual, always in the same order: the same state has the same URL. */
export function toSearch(state: State): string {
  const written = new URLSearchParams();
  const write = <Key extends keyof State>(key: Key): void => {
    const codec = PARAMETERS[key];
    const texts = codec.write(state[key]);
    if (JSON.stringify(texts) !== JSON.stringify(codec.write(codec.usual))) texts.forEach((one) => written.append(codec.name, one));
  };
  keys.forEach(write);
  const search = written.toString();
  return search === "" ? "" : `?${search}`;
}

export interface Window { from_ms: number; to_ms: number }

/** The range in absolute times; `now` is the server's. */
export function windowOf(state: State, now: number, held: Window): Window {
  const end = Math.round(state.at ?? now);
  switch (state.range.kind) {
    case "last":
      return { from_ms: end - state.range.ms, to_ms: end };
    case "all":
      return { from_ms: Math.min(held.from_ms || end - HOUR, end - 1000), to_ms: end };
    case "between":
      return { from_ms: state.range.from, to_ms: state.range.to };
  }
}

/** Whether the picture moves with the time. */
export function isLive(state: State): boolean {
  return state.at === null && state.range.kind !== "between";
}
