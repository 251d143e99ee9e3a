// The answers of the server, as `sensor/docs/console.md` describes them. Types only.

/** Integers above 2^53 come as strings. */
export type Count = number | string;
export type Value = string | number | boolean | null | Value[];

export interface Span { byte: number; utf16: number }
export interface Edit { from: number; to: number; text: string }

export interface Diagnostic {
  severity: "error" | "warning";
  code?: string;
  message: string;
  help?: string;
  from: Span;
  to: Span;
  fix?: { label: string; edits: Edit[] };
}

export interface Held { records: Count; from_ms: number; to_ms: number }

/** What an answer rests on. */
export interface Ground {
  rests: { live: Held | null; stored: Held | null };
  tested: Count;
  matched: Count;
  partial: { reason: string } | null;
}

export interface Field {
  name: string;
  type: string;
  doc: string;
  ops: string[];
  groupable: boolean;
  unit?: string;
}

export interface Preset { name: string; q: string; doc: string; view?: string }

export interface Meta {
  version: string;
  host: string;
  started_ms: number;
  now_ms: number;
  held: { flows: Count; from_ms: number; to_ms: number };
  store: boolean;
  limits: { flows: number; query_ms: number; rows: number };
  fields: Field[];
  contexts: string[];
  sources: { id: string; kind: string; name: string; watermark_ms?: number }[];
  presets: Preset[];
  /** NQL that leaves out the sensor's own traffic. */
  without_self?: string;
}

export interface Token { from: number; to: number; kind: string }
export interface Offer { text: string; kind: string; detail?: string }

export interface Checked {
  ok: boolean;
  norm: string;
  tokens: Token[];
  diagnostics: Diagnostic[];
  completion: { from: number; to: number; items: Offer[] };
  columns: string[];
}

export interface Stat { min: number; max: number; last: number; avg: number; p95: number; total: Count | null }

export interface Line {
  key: Value[];
  other?: boolean;
  reverse?: boolean;
  previous?: boolean;
  v: (number | null)[];
  stat: Stat;
}

export interface Series extends Ground { t: number[]; step_ms: number; series: Line[] }

/** What no flow tells is null, and not 0. */
export interface Sums { octets: Count | null; packets: Count | null; flows: Count }
export interface TopRow extends Sums { key: Value[]; share: number | null }
export interface Top extends Ground { rows: TopRow[]; other: Sums & { share: number | null }; total: Sums }

export interface Flows extends Ground {
  columns: { name: string; type: string }[];
  rows: Value[][];
  ids: string[];
  next?: string;
}

export interface Common extends Ground { rows: { bucket_ms?: number; key: Value[]; sums: Sums[] }[] }

export interface Explained {
  flow: Record<string, Value>;
  policies: Verdict[];
  profile: { src: Record<string, Value>; dst: Record<string, Value> };
}

export interface Verdict {
  id: string;
  name: string;
  matched: boolean;
  failed_at?: { from: number; to: number; text: string; value: Value };
}

export type Severity = "low" | "medium" | "high";

export interface Hit {
  id: string;
  policy: string;
  severity: Severity;
  type: "start" | "ongoing" | "end" | "hit";
  key: Record<string, Value>;
  at_ms: number;
  start_ms: number;
  end_ms?: number;
  value?: number;
  threshold?: number;
  count: Count;
  sentence: string;
  /** Selects the flows of the hit. */
  q: string;
}

export interface Policy {
  id: string;
  name: string;
  severity: Severity;
  enabled: boolean;
  q: string;
  threshold?: string;
  track_by: string[];
  description: string;
  hits: Count;
  evaluated: Count;
  ns_per_row?: number;
  last_error?: string;
}

export interface DryRun { events: Hit[]; tested: Count; ns_per_row: number; partial: { reason: string } | null }

export type Profile = Record<string, Value>;
export interface Matches { matches: { kind: string; key: string; value: string; addresses: Count }[] }
export interface Matrix extends Partial<Ground> { values: string[]; cells: Count[][] }

export interface Source {
  id: string;
  kind: "kernel" | "device" | "cloud";
  name: string;
  last_ms?: number;
  watermark_ms?: number;
  records: Count;
  lost: Count;
  state: string;
}

export interface Sources {
  sources: Source[];
  losses: { stage: string; reason: string; count: Count; per_s: number }[];
}

export const STAGES = ["kernel", "intake", "engine", "export"] as const;
export interface Tick { t: number; bps: number; pps: number; fps: number; lost: Record<(typeof STAGES)[number], Count> }
export interface Health { ok: boolean; reasons: string[] }
