// What rules every panel: the query, the time, the source.
import { useState } from "preact/hooks";

import { currentWindow, go, serverNow, setDraftBad, type App } from "../app";
import { duration, fromInput, moment, number, toInput, utc } from "../format";
import { classes, html } from "../html";
import { every } from "../nql";
import { isLive, LASTS } from "../state";
import { NqlInput } from "./nqlinput";

export function Bar({ app }: { app: App }) {
  const { state, meta } = app;
  return html`<search class="bar" aria-label="What is shown">
    <div class="line">
      <${NqlInput} value=${state.q} label="Query in NQL" onRun=${(q: string) => go({ q, flow: "" })} onBad=${setDraftBad} />
      <select aria-label="Source" value=${state.source} onChange=${(event: Event) => go({ source: (event.target as HTMLSelectElement).value })}>
        <option value="">All sources</option>
        ${meta?.sources.map(({ id, name, kind }) => html`<option value=${id}>${name} (${kind})</option>`)}
      </select>
      ${meta?.without_self
        ? html`<label class="check" title="Without the sensor's own exports, look-ups and this page"><input type="checkbox" checked=${state.hideSelf} onChange=${(event: Event) => go({ hideSelf: (event.target as HTMLInputElement).checked })} />hide self</label>`
        : null}
      <${Times} app=${app} />
    </div>
    ${app.isDraftBad ? html`<p class="before">What is shown below still answers the query before.</p>` : null}
    ${state.chips.length > 0 ? html`<${Chips} app=${app} />` : null}
  </search>`;
}

function Chips({ app: { state } }: { app: App }) {
  const without = (index: number): string[] => state.chips.filter((_, at) => at !== index);
  return html`<ul class="chips" aria-label="Conditions">
    ${state.chips.map((chip, index) => html`<li key=${chip} class=${classes({ chip: true, not: chip.includes(" != ") })}>
      <code><bdi>${chip}</bdi></code>
      ${/ (==|!=) /.test(chip) && !chip.includes(" && ")
        ? html`<button type="button" aria-label=${`Turn round ${chip}`} title="Include or exclude" onClick=${() => {
            const turned = chip.includes(" == ") ? chip.replace(" == ", " != ") : chip.replace(" != ", " == ");
            go({ chips: state.chips.map((one, at) => (at === index ? turned : one)) });
          }}>\u21c4</button>`
        : null}
      <button type="button" aria-label=${`Remove ${chip}`} title="Remove" onClick=${() => go({ chips: without(index) })}>\u2715</button>
    </li>`)}
    <li><button type="button" class="plain" onClick=${() => go({ q: every([state.q, ...state.chips]), chips: [] })}>Edit as a query</button></li>
    <li><button type="button" class="plain" onClick=${() => go({ chips: [] })}>Remove all</button></li>
  </ul>`;
}

/** One period back or forward. What lies in the future is not asked. */
export function shift(app: App, step: number): void {
  const { from_ms, to_ms } = currentWindow(app);
  const span = to_ms - from_ms;
  const to = Math.min(to_ms + step * span, serverNow());
  go({ range: { kind: "between", from: Math.round(to - span), to: Math.round(to) }, at: null });
}

/** Stops the picture, or lets it go on. */
export function togglePause({ state }: App): void {
  if (state.range.kind === "between") go({ range: { kind: "last", ms: Math.max(60_000, Math.round((state.range.to - state.range.from) / 60_000) * 60_000) }, at: null });
  else go({ at: state.at === null ? Math.round(serverNow()) : null });
}

function Times({ app }: { app: App }) {
  const { state } = app;
  const [isOpen, setOpen] = useState(false);
  const { from_ms, to_ms } = currentWindow(app);
  const live = isLive(state);
  const apply = (event: Event): void => {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const [from, to] = ["from", "to"].map((name) => fromInput(String(fields.get(name))));
    if (typeof from !== "number" || typeof to !== "number" || from >= to) return;
    go({ range: { kind: "between", from, to }, at: null });
    setOpen(false);
  };
  return html`<div class="times" onKeyDown=${(event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    setOpen(false);
    event.stopPropagation();
  }}>
    <div class="group" role="group" aria-label="Time range">
      <button type="button" aria-label="One period back" title="One period back  [" onClick=${() => shift(app, -1)}>\u2039</button>
      ${LASTS.map(({ label, name, range }) => html`<button type="button" aria-label=${`${label}: ${name}`} aria-pressed=${JSON.stringify(range) === JSON.stringify(state.range)} onClick=${() => go({ range, at: null })}>${label}</button>`)}
      <button type="button" class="absolute" aria-expanded=${isOpen} aria-pressed=${state.range.kind === "between"} onClick=${() => setOpen(!isOpen)} title=${`${utc(from_ms)} to ${utc(to_ms)}`}>${state.range.kind === "between" ? `${moment(from_ms)} + ${duration(to_ms - from_ms)}` : "from\u2013to"}</button>
      <button type="button" aria-label="One period forward" title="One period forward  ]" onClick=${() => shift(app, 1)} disabled=${live}>\u203a</button>
    </div>
    <button type="button" class=${classes({ live: true, on: live })} aria-pressed=${live} title="Live or paused  p" onClick=${() => togglePause(app)}>${live ? "Live" : "Paused"}</button>
    ${isOpen
      ? html`<form class="pop" onSubmit=${apply}>
          <label>from <input name="from" type="datetime-local" step="1" required value=${toInput(from_ms)} /></label>
          <label>to <input name="to" type="datetime-local" step="1" required value=${toInput(to_ms)} /></label>
          <button type="submit">Apply</button>
          <p class="quiet">Local time (${Intl.DateTimeFormat().resolvedOptions().timeZone}). ${app.meta && number(app.meta.held.flows) > 0 ? `Held since ${moment(app.meta.held.from_ms)}.` : ""}</p>
        </form>`
      : null}
  </div>`;
}
