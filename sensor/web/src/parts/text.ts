// Small pieces: values of unknown origin, moments, and what is said when there is nothing to show.
import { go, currentWindow, type Answer, type App } from "../app";
import { ApiError } from "../api";
import type { Ground, Held, Value } from "../contract";
import { clock, duration, grouped, moment, number, shown, utc, when } from "../format";
import { html } from "../html";

/** A value from the network, in a direction of its own. */
export function Foreign({ value }: { value: Value | undefined }) {
  return html`<bdi class="foreign">${shown(value)}</bdi>`;
}

export function Moment({ ms, reference, full = false }: { ms: number; reference: number; full?: boolean }) {
  return html`<time dateTime=${new Date(ms).toISOString()} title=${utc(ms)}>${full ? moment(ms) : when(ms, reference)}</time>`;
}

function extent(held: Held | null, name: string): string | null {
  return held === null || number(held.records) === 0 ? null : `${grouped(held.records)} ${name} since ${clock(held.from_ms)}`;
}

/** How much the answer rests on: a short ring never reads as no traffic. */
export function Rests({ ground }: { ground: Ground | null }) {
  if (ground === null) return html`<p class="rests">\u00a0</p>`;
  const parts = [extent(ground.rests.live, "live"), extent(ground.rests.stored, "stored")].filter((part) => part !== null);
  return html`<p class="rests">
    ${grouped(ground.matched)} of ${grouped(ground.tested)} flows match${parts.length > 0 ? html` \u00b7 ${parts.join(", ")}` : null}
    ${ground.partial ? html` \u00b7 <strong class="warn">partial: ${ground.partial.reason}</strong>` : null}
  </p>`;
}

/** Why there is nothing, and what to do about it. */
export function Empty({ app, ground }: { app: App; ground: Ground }) {
  const { meta, state } = app;
  const { from_ms, to_ms } = currentWindow(app);
  if (meta !== null && meta.sources.length === 0) {
    return html`<div class="empty" role="status"><p>No source sends flows yet.</p><p>Name an interface, a listening socket or a cloud log in the configuration.</p></div>`;
  }
  if (number(ground.tested) === 0) {
    const held = meta?.held;
    return html`<div class="empty" role="status">
      <p>No flow in this range of ${duration(to_ms - from_ms)}.</p>
      ${held && number(held.flows) > 0
        ? html`<p>Flows are held from ${moment(held.from_ms)} to ${moment(held.to_ms)}.</p>
            <button type="button" onClick=${() => go({ range: { kind: "all" }, at: null })}>Show all held</button>`
        : html`<p>The sensor holds no flow at all.</p>`}
    </div>`;
  }
  const isNarrowed = state.q !== "" || state.chips.length > 0 || state.source !== "" || state.hideSelf;
  return html`<div class="empty" role="status">
    <p>No flow matches. ${grouped(ground.tested)} were tested.</p>
    ${isNarrowed ? html`<button type="button" onClick=${() => go({ q: "", chips: [], source: "", hideSelf: false })}>Clear the query</button>` : null}
  </div>`;
}

/** Why an answer failed. */
export function Failure({ error }: { error: Error }) {
  const code = error instanceof ApiError && error.code !== "" ? html` <code>${error.code}</code>` : null;
  return html`<div class="failure" role="alert"><p>${error.message}${code}</p></div>`;
}

/** What of an answer is to be shown: the answer, its failure, or that it is on its way. */
export function state<T>({ data, error, isLoading }: Answer<T>): "ready" | "error" | "loading" {
  if (isLoading) return "loading";
  return error !== null && data === null ? "error" : "ready";
}
