// The one store of the page: the state in the URL, what the server says of itself, and the beat of live answers.
import { useEffect, useState } from "preact/hooks";

import { ApiError, ask, askNow, events, linkState, onLink, setLink, Unreachable } from "./api";
import { STAGES, type Health, type Hit, type Meta, type Tick } from "./contract";
import { every } from "./nql";
import { fromSearch, isLive, toSearch, windowOf, type State, type Window } from "./state";

/** How often live answers are asked again. */
const BEAT_MS = 5000;
const RETRY_MS = [1000, 2000, 4000, 8000];
/** After a refused stream. */
const REFUSED_MS = 30_000;
/** How many ticks the small picture of the rate holds. */
const TICKS = 60;

export interface App {
  state: State;
  meta: Meta | null;
  /** The server's time at the last beat. */
  now: number;
  beat: number;
  ticks: Tick[];
  health: Health | null;
  /** Hits since somebody looked. */
  fresh: Hit[];
  /** The text in the bar has an error: what is shown belongs to the text before. */
  isDraftBad: boolean;
  lostAt: number | null;
  failure: string | null;
}

let app: App = {
  state: fromSearch(location.search),
  meta: null,
  now: Date.now(),
  beat: 0,
  ticks: [],
  health: null,
  fresh: [],
  isDraftBad: false,
  lostAt: null,
  failure: null,
};
let skew = 0;
const listeners = new Set<() => void>();

function update(change: Partial<App>): void {
  app = { ...app, ...change };
  listeners.forEach((listener) => listener());
}

/** The store, of which a component is drawn anew. */
export function useApp(): App {
  const [, draw] = useState(0);
  useEffect(() => {
    const listener = (): void => draw((count) => count + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return app;
}

export function serverNow(): number {
  return Date.now() + skew;
}

/** Where to go from here. `brush` marks what a double click takes back. */
export function go(change: Partial<State>, how: "push" | "replace" | "brush" = "push"): void {
  const state = { ...app.state, ...change };
  const search = toSearch(state);
  if (search !== toSearch(app.state)) {
    const url = location.pathname + search;
    if (how === "replace") history.replaceState(history.state, "", url);
    else history.pushState({ brush: how === "brush" }, "", url);
  }
  update({ state, now: serverNow() });
}

/** What a click on a value leads to, as an address that can be opened in another tab. */
export function address(change: Partial<State>): string {
  return location.pathname + toSearch({ ...app.state, ...change });
}

export function undoBrush(): void {
  if ((history.state as { brush?: boolean } | null)?.brush) history.back();
}

export function setDraftBad(isDraftBad: boolean): void {
  if (app.isDraftBad !== isDraftBad) update({ isDraftBad });
}

export function seenHits(): void {
  if (app.fresh.length > 0) update({ fresh: [] });
}

export function currentWindow({ state, meta, now }: App): Window {
  return windowOf(state, now, meta?.held ?? { from_ms: 0, to_ms: 0 });
}

/** The condition that selects a source. */
export function ofSource(meta: Meta | null, id: string): string {
  const source = meta?.sources.find((one) => one.id === id);
  if (!source) return "";
  return source.kind === "kernel" ? "flowtype == host" : `flowsrcname == '${source.name.replace(/[\\'"]/g, "\\$&")}'`;
}

/** The query of all that the bar says. */
export function currentQuery({ state, meta }: App): string {
  const self = state.hideSelf ? (meta?.without_self ?? "") : "";
  return every([state.q, ...state.chips, ofSource(meta, state.source), self]);
}

/** The query and the window of every question about flows. */
export function scope(app: App): { q: string } & Window {
  return { q: currentQuery(app), ...currentWindow(app) };
}

export interface Answer<T> { data: T | null; error: Error | null; isLoading: boolean }

/** Asks when the question changes, and on each beat while the page is live. The last answer stays until the next. */
export function useAnswer<T>(path: string | null, body?: unknown): Answer<T> {
  const [answer, setAnswer] = useState<{ of: string | null; data: T | null; error: Error | null }>({ of: null, data: null, error: null });
  const question = path === null ? null : JSON.stringify([path, body ?? null]);
  const { beat } = app;
  useEffect(() => {
    if (path === null) {
      setAnswer({ of: null, data: null, error: null });
      return;
    }
    const abort = new AbortController();
    ask<T>(path, body, abort.signal).then(
      (data) => setAnswer({ of: question, data, error: null }),
      (error: Error) => {
        if (abort.signal.aborted) return;
        // A server that is gone is told once, above all panels.
        if (error instanceof Unreachable) setAnswer(({ data }) => ({ of: question, data, error: null }));
        else setAnswer({ of: question, data: null, error });
      },
    );
    return () => abort.abort();
  }, [question, beat]);
  const { of, ...rest } = answer;
  return { ...rest, isLoading: of !== question };
}

let retries = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
let stream: EventSource | null = null;

/** Asks the server who it is. After a while without it, everything is asked anew. */
export async function meet(): Promise<void> {
  clearTimeout(retry);
  try {
    const meta = await askNow<Meta>("/meta");
    skew = meta.now_ms - Date.now();
    retries = 0;
    update({ meta, now: serverNow(), beat: app.beat + 1, lostAt: null, failure: null });
    listen();
  } catch (error) {
    if (error instanceof ApiError) update({ failure: error.message });
    if (linkState() !== "refused") again();
  }
}

function again(): void {
  clearTimeout(retry);
  retry = setTimeout(() => void meet(), RETRY_MS[Math.min(retries, RETRY_MS.length - 1)]);
  retries += 1;
}

function listen(): void {
  clearTimeout(retry);
  stream?.close();
  stream = events("tick,hit,health");
  const on = (name: string, take: (data: never) => void): void => {
    stream?.addEventListener(name, (event) => take(JSON.parse((event as MessageEvent<string>).data) as never));
  };
  on("tick", (tick: Tick) => {
    if (app.state.at === null) update({ ticks: [...app.ticks.slice(1 - TICKS), tick] });
  });
  on("hit", (hit: Hit) => {
    if (app.state.at === null) update({ fresh: [...app.fresh.filter(({ id }) => id !== hit.id), hit].slice(-99) });
  });
  on("health", (health: Health) => update({ health }));
  const current = stream;
  current.onerror = () => {
    // A refusal ends the stream although the server is there; without it the page lives by its beat.
    if (current.readyState === EventSource.CLOSED) retry = setTimeout(listen, REFUSED_MS);
    else setLink("gone");
  };
}

function beat(): void {
  if (!isLive(app.state) || document.hidden || linkState() !== "up") return;
  update({ beat: app.beat + 1, now: serverNow() });
}

/** Starts what the page listens to. */
export function start(): void {
  addEventListener("popstate", () => update({ state: fromSearch(location.search), now: serverNow() }));
  onLink((link) => {
    if (link === "gone") {
      stream?.close();
      stream = null;
      update({ lostAt: serverNow() });
      again();
    } else {
      update({});
    }
  });
  setInterval(beat, BEAT_MS);
  // The horizon and the sources change slowly.
  setInterval(() => {
    if (linkState() === "up") void askNow<Meta>("/meta").then((meta) => update({ meta }), () => undefined);
  }, 6 * BEAT_MS);
  void meet();
}

/** Whether a stage has lost anything, by the last tick. */
export function lost(ticks: Tick[]): { stage: (typeof STAGES)[number]; count: number | string }[] {
  const last = ticks.at(-1);
  return STAGES.map((stage) => ({ stage, count: last?.lost[stage] ?? 0 }));
}
