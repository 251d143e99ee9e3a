// The console's API over made flows: for the browser tests of the page, and for work on it without a sensor.
//
//     node mock/server.mjs DIST PORT     prints the address to open
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { FIELDS, FLOWS, HELD, HITS, NOW, POLICIES, PRESETS, SOURCES } from "./data.mjs";
import { check, compile } from "./nql.mjs";

export const CODE = "once-only";
const COOKIE = "sensor=of-the-mock";

/** Exactly what the sensor sends. */
export const HEADERS = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

const TYPES = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html; charset=utf-8" };
const METRICS = { bps: ["octets", 8], pps: ["packets", 1], fps: ["flows", 1] };

class Refused extends Error {
  constructor(status, code, message, more = {}) {
    super(message);
    Object.assign(this, { status, body: { error: { code, message, ...more } } });
  }
}

function select({ q = "", from_ms = 0, to_ms = Infinity }) {
  const result = check({ q, cursor: q.length }, FIELDS);
  if (!result.ok) throw new Refused(400, result.diagnostics[0].code ?? "N100", result.diagnostics[0].message, { diagnostics: result.diagnostics });
  const selects = compile(q, FIELDS);
  const tested = FLOWS.filter(({ end }) => end >= from_ms && end < to_ms);
  const matched = tested.filter(selects);
  const live = tested.length === 0 ? null : { records: FLOWS.length, from_ms: HELD.from_ms, to_ms: HELD.to_ms };
  return { matched, ground: { rests: { live, stored: null }, tested: tested.length, matched: matched.length, partial: null } };
}

const sums = (flows) => flows.reduce((sum, { octets, packets }) => ({ octets: sum.octets + octets, packets: sum.packets + packets, flows: sum.flows + 1 }), { octets: 0, packets: 0, flows: 0 });

function prefix(value, bits) {
  if (!bits || !/^\d+\./.test(value)) return value;
  const parts = value.split(".").map(Number);
  return `${parts.map((part, index) => part & (0xff00 >> Math.max(0, Math.min(8, bits - index * 8)))).join(".")}/${bits}`;
}

function grouped(flows, by) {
  const groups = new Map();
  for (const flow of flows) {
    const key = by.map((name) => {
      const [plain, bits] = name.split("/");
      const value = flow[plain];
      return prefix(Array.isArray(value) ? value[0] : (value ?? null), Number(bits));
    });
    const text = JSON.stringify(key);
    if (!groups.has(text)) groups.set(text, { key, flows: [] });
    groups.get(text).flows.push(flow);
  }
  return [...groups.values()];
}

function top(body) {
  const { matched, ground } = select(body);
  const total = sums(matched);
  const share = (part) => (total[body.metric] === 0 ? 0 : part[body.metric] / total[body.metric]);
  const rows = grouped(matched, body.by)
    .map(({ key, flows }) => ({ key, ...sums(flows) }))
    .sort((one, other) => other[body.metric] - one[body.metric] || JSON.stringify(one.key).localeCompare(JSON.stringify(other.key)));
  const rest = rows.slice(body.limit).reduce((sum, row) => ({ octets: sum.octets + row.octets, packets: sum.packets + row.packets, flows: sum.flows + row.flows }), { octets: 0, packets: 0, flows: 0 });
  return { rows: rows.slice(0, body.limit).map((row) => ({ ...row, share: share(row) })), other: { ...rest, share: share(rest) }, total, ...ground };
}

function line(flows, { from_ms, unit }, t, step, more) {
  const [metric, factor] = METRICS[unit];
  const v = t.map(() => 0);
  for (const flow of flows) {
    const at = Math.min(t.length - 1, Math.floor((flow.end - from_ms) / step));
    v[at] += ((metric === "flows" ? 1 : flow[metric]) * factor) / (step / 1000);
  }
  const sorted = [...v].sort((one, other) => one - other);
  const stat = { min: sorted[0], max: sorted.at(-1), last: v.at(-1), avg: v.reduce((sum, one) => sum + one, 0) / v.length, p95: sorted[Math.floor(v.length * 0.95)], total: sums(flows)[metric] };
  return { other: false, ...more, v, stat };
}

function series(body) {
  const { from_ms, to_ms, points, by = [], limit = 7, bidirectional, previous } = body;
  const { matched, ground } = select(body);
  const step = Math.max(1000, Math.ceil((to_ms - from_ms) / points / 1000) * 1000);
  const t = Array.from({ length: Math.ceil((to_ms - from_ms) / step) }, (_, index) => from_ms + index * step);
  const groups = by.length === 0 ? [{ key: [], flows: matched }] : grouped(matched, by).sort((one, other) => sums(other.flows).octets - sums(one.flows).octets);
  const lines = groups.slice(0, limit).map(({ key, flows }) => line(flows, body, t, step, { key }));
  const rest = groups.slice(limit).flatMap(({ flows }) => flows);
  if (rest.length > 0) lines.push(line(rest, body, t, step, { key: [], other: true }));
  if (bidirectional) lines.push(...lines.map((one) => ({ ...one, reverse: true, v: one.v.map((value) => value * 0.4) })));
  if (previous) lines.push(line(select({ ...body, from_ms: 2 * from_ms - to_ms, to_ms: from_ms }).matched.map((flow) => ({ ...flow, end: flow.end + to_ms - from_ms })), body, t, step, { key: [], previous: true }));
  return { t, step_ms: step, series: lines, ...ground };
}

const ORDERS = { newest: (one, other) => other.end - one.end, oldest: (one, other) => one.end - other.end };

function flows(body, accept) {
  const { matched, ground } = select(body);
  const { order = "newest", columns, limit, after } = body;
  const unknown = columns.find((name) => !FIELDS.some((field) => field.name === name));
  if (unknown !== undefined) throw new Refused(400, "column", `there is no field ${unknown}`);
  const sorted = [...matched].sort(ORDERS[order] ?? ((one, other) => other[order] - one[order]));
  const from = Number(after ?? 0);
  const page = sorted.slice(from, from + limit);
  const rows = page.map((flow) => columns.map((name) => flow[name] ?? null));
  if (accept === "text/csv") return [columns.join(","), ...rows.map((row) => row.map((value) => (value === null ? "" : `"${String(value).replaceAll('"', '""')}"`)).join(","))].join("\r\n");
  if (accept === "application/x-ndjson") return rows.map((row) => JSON.stringify(Object.fromEntries(columns.map((name, index) => [name, row[index]])))).join("\n");
  const next = from + limit < sorted.length ? { next: String(from + limit) } : {};
  return { columns: columns.map((name) => ({ name, type: FIELDS.find((field) => field.name === name).type })), rows, ids: page.map(({ id }) => id), ...next, ...ground };
}

function common(body) {
  const sets = body.queries.map((q) => grouped(select({ ...body, q }).matched, body.by));
  const rows = sets[0]
    .map(({ key }) => ({ key, sums: sets.map((set) => set.find((one) => JSON.stringify(one.key) === JSON.stringify(key))) }))
    .filter(({ sums: found }) => found.every(Boolean))
    .map(({ key, sums: found }) => ({ key, sums: found.map((one) => sums(one.flows)), ...(body.period_ms ? { bucket_ms: NOW - body.period_ms } : {}) }));
  return { rows: rows.slice(0, body.limit), ...select(body).ground };
}

function explain({ id }) {
  const flow = FLOWS.find((one) => one.id === id);
  if (!flow) throw new Refused(404, "flow", "this flow is no longer held");
  const { id: _, ...fields } = flow;
  const policies = POLICIES.slice(0, 2).map(({ id: policy, name, q }) => {
    const matched = compile(q, FIELDS)(flow);
    const [text] = q.split(" && ");
    return { id: policy, name, matched, ...(matched ? {} : { failed_at: { from: 0, to: text.length, text, value: flow[text.split(" ")[0]] ?? null } }) };
  });
  const profile = (end) => ({ [`label.${end}.role`]: flow[`label.${end}.role`], country: flow[`${end}geo.countrycode`] });
  return { flow: fields, policies, profile: { src: profile("src"), dst: profile("dst") } };
}

function matrix(body) {
  const { matched, ground } = select(body);
  const of = (flow, end) => flow[`label.${end}.${body.context}`]?.[0];
  const labelled = matched.filter((flow) => of(flow, "src") && of(flow, "dst"));
  const values = [...new Set(labelled.flatMap((flow) => [of(flow, "src"), of(flow, "dst")]))].sort();
  const cells = values.map((row) => values.map((column) => sums(labelled.filter((flow) => of(flow, "src") === row && of(flow, "dst") === column)).octets));
  return { values, cells, ...ground };
}

const LOSSES = [{ stage: "intake", reason: "queue full", count: 12, per_s: 0 }];

function get(path, query, clock) {
  if (path === "/meta") {
    const sources = SOURCES.map(({ id, kind, name, watermark_ms }) => ({ id, kind, name, watermark_ms }));
    return { version: "0.1.0", host: "gateway-1", started_ms: NOW - 86_400_000, now_ms: clock(), held: HELD, store: false, limits: { flows: 200_000, query_ms: 50, rows: 10_000 }, fields: FIELDS, contexts: ["role"], sources, presets: PRESETS, without_self: "dstport != 8080" };
  }
  if (path === "/hits") {
    const [from, to] = [Number(query.get("from_ms")), Number(query.get("to_ms"))];
    const policy = query.get("policy");
    return { hits: HITS.filter((hit) => hit.at_ms >= from && hit.start_ms < to && (policy === null || hit.policy === policy)) };
  }
  if (path === "/policies") return { policies: POLICIES };
  if (path === "/sources") return { sources: SOURCES, losses: LOSSES };
  if (path === "/labels" && query.has("ip")) return { profile: { "label.role": /^10\.0\.2\./.test(query.get("ip")) ? ["database"] : null, network: "10.0.0.0/16", from: "labels.csv:3" } };
  if (path === "/labels") return { matches: ["web", "database", "office"].filter((value) => value.includes(query.get("q"))).map((value) => ({ kind: "label", key: "role", value, addresses: 12 })) };
  throw new Refused(404, "path", `there is no ${path}`);
}

function post(path, body, accept) {
  const calls = { "/series": series, "/top": top, "/common": common, "/explain": explain, "/labels/matrix": matrix, "/nql/check": (one) => check(one, FIELDS) };
  if (path === "/flows") return flows(body, accept);
  if (calls[path]) return calls[path](body);
  const dryrun = /^\/policies\/([^/]+)\/dryrun$/.exec(path);
  if (dryrun) return { events: HITS.filter(({ policy }) => policy === decodeURIComponent(dryrun[1])), tested: select(body).ground.tested, ns_per_row: 4.2, partial: null };
  throw new Refused(404, "path", `there is no ${path}`);
}

async function read(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

/** Serves the page in `dist` on 127.0.0.1. */
export async function start(dist, port = 0) {
  const begun = Date.now();
  const clock = () => NOW + (Date.now() - begun);
  const streams = new Set();
  const tick = () => ({ t: clock(), bps: 48_200_000 + (clock() % 7) * 1e6, pps: 7100, fps: 64, lost: { kernel: 0, intake: 12, engine: 0, export: 0 } });

  function stream(response) {
    response.writeHead(200, { ...HEADERS, "content-type": "text/event-stream", "cache-control": "no-store" });
    const send = (event, data) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    send("health", { ok: true, reasons: [] });
    send("tick", tick());
    const timer = setInterval(() => send("tick", tick()), 1000);
    const entry = { send };
    streams.add(entry);
    response.on("close", () => {
      clearInterval(timer);
      streams.delete(entry);
    });
  }

  function file(path, response) {
    const name = path === "/" ? "index.html" : basename(path);
    let content;
    try {
      content = readFileSync(join(dist, name));
    } catch {
      throw new Refused(404, "path", `there is no ${path}`);
    }
    response.writeHead(200, { ...HEADERS, "content-type": TYPES[extname(name)] ?? "application/octet-stream", "cache-control": path === "/" ? "no-store" : "max-age=31536000, immutable" });
    response.end(content);
  }

  async function answer(request, response) {
    const url = new URL(request.url, "http://mock");
    if (url.pathname === "/login") {
      if (url.searchParams.get("once") !== CODE) throw new Refused(401, "once", "this code was used, or is none");
      response.writeHead(303, { ...HEADERS, location: "/", "set-cookie": `${COOKIE}; HttpOnly; SameSite=Strict; Path=/` });
      return response.end();
    }
    if (!url.pathname.startsWith("/api/v1/")) return file(url.pathname, response);
    if (!(request.headers.cookie ?? "").includes(COOKIE)) throw new Refused(401, "token", "no token");
    const path = url.pathname.slice("/api/v1".length);
    if (path === "/events") return stream(response);
    const isPost = request.method === "POST";
    if (isPost && request.headers["content-type"] !== "application/json") throw new Refused(415, "type", "a body is JSON");
    const accept = request.headers.accept;
    const result = isPost ? post(path, await read(request), accept) : get(path, url.searchParams, clock);
    const isText = typeof result === "string";
    response.writeHead(200, { ...HEADERS, "content-type": isText ? accept : "application/json", "cache-control": "no-store" });
    response.end(isText ? result : JSON.stringify(result));
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      response.writeHead(error.status ?? 500, { ...HEADERS, "content-type": "application/json" });
      response.end(JSON.stringify(error.body ?? { error: { code: "mock", message: String(error.stack) } }));
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const at = server.address().port;
  return {
    origin: `http://127.0.0.1:${at}`,
    port: at,
    login: `http://127.0.0.1:${at}/login?once=${CODE}`,
    hit: (hit) => streams.forEach(({ send }) => send("hit", hit)),
    close: () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      }),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [dist, port] = process.argv.slice(2);
  console.log((await start(dist, Number(port ?? 8686))).login);
}
