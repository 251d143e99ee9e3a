// Questions to the server: at most two at once, as many as it answers; one place that knows whether it answers at all.
import type { Diagnostic } from "./contract";

const BASE = "/api/v1";
const AT_ONCE = 2;
const BUSY = 429;
/** How long a busy server is left alone, for each further attempt. */
const PATIENCE_MS = [200, 500, 1000];

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly diagnostics: Diagnostic[] = [],
  ) {
    super(message);
  }
}

/** No answer at all: the sensor has stopped, or the network is gone. */
export class Unreachable extends Error {}

export type Link = "connecting" | "up" | "gone" | "refused";

let link: Link = "connecting";
const listeners = new Set<(link: Link) => void>();

export function linkState(): Link {
  return link;
}

export function setLink(next: Link): void {
  if (next === link) return;
  link = next;
  listeners.forEach((listener) => listener(next));
}

export function onLink(listener: (link: Link) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let running = 0;
const waiting: (() => void)[] = [];

async function turn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve));
  running += 1;
  try {
    return await work();
  } finally {
    running -= 1;
    waiting.shift()?.();
  }
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

async function send(path: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(BASE + path, { credentials: "same-origin", redirect: "error", ...init });
  } catch (error) {
    if (isAbort(error)) throw error;
    setLink("gone");
    throw new Unreachable("the sensor does not answer");
  }
  if (response.ok) {
    setLink("up");
    return response;
  }
  if (response.status === 401) setLink("refused");
  throw await refusal(response);
}

async function refusal(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; diagnostics?: Diagnostic[] } };
    return new ApiError(response.status, error.code, error.message, error.diagnostics);
  } catch {
    return new ApiError(response.status, "", `the sensor answered ${response.status} ${response.statusText}`);
  }
}

function request(body: unknown, signal: AbortSignal | undefined, accept: string): RequestInit {
  const headers: Record<string, string> = { accept };
  if (body === undefined) return { headers, signal: signal ?? null };
  headers["content-type"] = "application/json";
  return { method: "POST", headers, body: JSON.stringify(body), signal: signal ?? null };
}

async function patiently(path: string, init: RequestInit): Promise<Response> {
  for (const wait of PATIENCE_MS) {
    try {
      return await send(path, init);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === BUSY)) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
      init.signal?.throwIfAborted();
    }
  }
  return send(path, init);
}

/** GET without a body, POST with one. */
export async function ask<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return turn(async () => {
    signal?.throwIfAborted();
    const response = await patiently(path, request(body, signal, "application/json"));
    return (await response.json()) as T;
  });
}

/** Past the queue: what a person at the keyboard waits for. */
export async function askNow<T>(path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await send(path, request(body, signal, "application/json"));
  return (await response.json()) as T;
}

/** A file instead of an answer. */
export async function download(path: string, body: unknown, type: string): Promise<Blob> {
  return turn(async () => (await patiently(path, request(body, undefined, type))).blob());
}

export function events(topics: string): EventSource {
  return new EventSource(`${BASE}/events?topics=${topics}`);
}
