// What is known of addresses, who talks to whom by label, and where the flows come from.
import { useEffect, useState } from "preact/hooks";

import { go, scope, useAnswer, type App } from "../app";
import type { Matches, Matrix as Answer, Profile, Sources as All } from "../contract";
import { duration, grouped, number, si } from "../format";
import { html } from "../html";
import { condition, every } from "../nql";
import { Pairs } from "../parts/drawer";
import { Failure, Foreign, Moment, Rests, state as stateOf } from "../parts/text";

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)$/i;

export function Sources({ app }: { app: App }) {
  return html`<div class="pair"><${Lookup} app=${app} /><${Matrix} app=${app} /></div><${Exporters} app=${app} />`;
}

function Lookup({ app }: { app: App }) {
  const { lookup } = app.state;
  const isAddress = ADDRESS.test(lookup);
  const path = lookup === "" ? null : `/labels?${isAddress ? "ip" : "q"}=${encodeURIComponent(lookup)}`;
  const answer = useAnswer<{ profile?: Profile } & Partial<Matches>>(path);
  const [text, setText] = useState(lookup);
  useEffect(() => setText(lookup), [lookup]);
  const { data } = answer;
  return html`<section class="panel" aria-labelledby="lookup-title" data-panel="lookup" data-state=${stateOf(answer)}>
    <h2 id="lookup-title">What is known</h2>
    <form class="line" onSubmit=${(event: Event) => {
      event.preventDefault();
      go({ lookup: text.trim() });
    }}><input type="search" aria-label="Address or label" placeholder="10.0.0.7, or a label such as production" value=${text} onInput=${(event: Event) => setText((event.target as HTMLInputElement).value)} /><button type="submit">Look up</button></form>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${lookup === "" ? html`<p class="quiet">An address shows its labels, network, country, AS and reputation; a text shows the labels that hold it.</p>` : null}
    ${data?.profile ? html`<${Pairs} app=${app} title=${lookup} pairs=${data.profile} isField=${false} /><p><button type="button" onClick=${() => go({ view: "flows", q: condition("ip", lookup, true) ?? "", chips: [] })}>Its flows</button></p>` : null}
    ${data?.matches ? (data.matches.length === 0 ? html`<p role="status">No label holds this text.</p>` : html`<table><thead><tr><th scope="col">context</th><th scope="col">value</th><th scope="col" class="number">addresses</th></tr></thead><tbody>${data.matches.map(
      ({ kind, key, value, addresses }) => html`<tr key=${`${kind} ${key} ${value}`}><td>${key}</td><th scope="row">${kind === "label" ? html`<button type="button" class="value" onClick=${() => go({ view: "flows", q: condition(`label.ip.${key}`, value, true) ?? "", chips: [] })}><${Foreign} value=${value} /></button>` : html`<${Foreign} value=${value} />`}</th><td class="number">${grouped(addresses)}</td></tr>`,
    )}</tbody></table>`) : null}
  </section>`;
}

function Matrix({ app }: { app: App }) {
  const { state, meta } = app;
  const context = state.context || meta?.contexts[0] || "";
  const answer = useAnswer<Answer>(meta && context !== "" ? "/labels/matrix" : null, { ...scope(app), context });
  const values = answer.data?.values ?? [];
  const cells = answer.data?.cells ?? [];
  const largest = Math.max(1, ...cells.flat().map(number));
  const show = (row: string, column: string): void => {
    const parts = [condition(`label.src.${context}`, row, true) ?? "", condition(`label.dst.${context}`, column, true) ?? ""];
    go({ view: "flows", q: every([state.q, ...parts]) });
  };
  return html`<section class="panel" aria-labelledby="matrix-title" data-panel="matrix" data-state=${stateOf(answer)}>
    <header><h2 id="matrix-title">Who talks to whom</h2>${(meta?.contexts ?? []).length > 0 ? html`<label class="check">label <select aria-label="Label context" value=${context} onChange=${(event: Event) => go({ context: (event.target as HTMLSelectElement).value })}>${meta?.contexts.map((one) => html`<option value=${one}>${one}</option>`)}</select></label>` : null}</header>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${meta && meta.contexts.length === 0 ? html`<div class="empty"><p>No labels are configured.</p><p>Label files and inventories of clouds give names to addresses.</p></div>` : null}
    ${answer.data && values.length === 0 ? html`<div class="empty" role="status"><p>No flow in this range has a label <code>${context}</code>.</p></div>` : null}
    ${values.length > 0
      ? html`<div class="scroll" tabindex="0" role="region" aria-label=${`Octets between values of ${context}`}><table class="matrix">
          <caption class="unseen">Octets from the label in the row to the label in the column</caption>
          <thead><tr><td>from \\ to</td>${values.map((value) => html`<th scope="col" key=${value}><${Foreign} value=${value} /></th>`)}</tr></thead>
          <tbody>${values.map((row, at) => html`<tr key=${row}><th scope="row"><${Foreign} value=${row} /></th>${values.map((column, of) => {
            const octets = number(cells[at]?.[of]);
            const depth = octets === 0 ? 0 : Math.max(8, Math.round((Math.log1p(octets) / Math.log1p(largest)) * 45));
            return html`<td key=${column} style=${{ "--depth": `${depth}%` }}>${octets === 0 ? html`<span class="quiet">\u00b7</span>` : html`<button type="button" title=${`${grouped(cells[at]?.[of] ?? 0)} octets`} aria-label=${`${row} to ${column}: ${si(octets, "B")}, show flows`} onClick=${() => show(row, column)}>${si(octets, "B")}</button>`}</td>`;
          })}</tr>`)}</tbody>
        </table></div>`
      : null}
    ${answer.data?.rests ? html`<${Rests} ground=${answer.data} />` : null}
  </section>`;
}

function Exporters({ app }: { app: App }) {
  const answer = useAnswer<All>(app.meta ? "/sources" : null);
  const losses = (answer.data?.losses ?? []).filter(({ count }) => number(count) > 0);
  const sources = answer.data?.sources ?? [];
  return html`<section class="panel" aria-labelledby="sources-title" data-panel="sources" data-state=${stateOf(answer)}>
    <h2 id="sources-title">Sources</h2>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${answer.data && sources.length === 0 ? html`<div class="empty"><p>No source sends flows yet.</p></div>` : null}
    ${sources.length > 0
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="Table of sources"><table>
          <thead><tr><th scope="col">source</th><th scope="col">kind</th><th scope="col">state</th><th scope="col">last record</th><th scope="col">complete until</th><th scope="col" class="number">records</th><th scope="col" class="number">lost</th></tr></thead>
          <tbody>${sources.map((source) => html`<tr key=${source.id}>
            <th scope="row"><button type="button" class="value" title="Only this source" onClick=${() => go({ source: source.id, view: "flows" })}><${Foreign} value=${source.name} /></button></th>
            <td>${source.kind}</td><td class=${source.state === "ok" ? "" : "bad"}>${source.state === "ok" ? "" : "\u26a0 "}${source.state}</td>
            <td>${source.last_ms === undefined ? "\u2013" : html`<${Moment} ms=${source.last_ms} reference=${app.now} /> <span class="quiet">${duration(Math.max(0, app.now - source.last_ms))} ago</span>`}</td>
            <td>${source.watermark_ms === undefined ? "\u2013" : html`<${Moment} ms=${source.watermark_ms} reference=${app.now} />`}</td>
            <td class="number">${grouped(source.records)}</td>
            <td class=${number(source.lost) > 0 ? "number bad" : "number"}>${number(source.lost) > 0 ? "\u26a0 " : ""}${grouped(source.lost)}</td>
          </tr>`)}</tbody></table></div>`
      : null}
    <h3>Losses</h3>
    ${answer.data && losses.length === 0 ? html`<p class="quiet">Nothing was lost.</p>` : null}
    ${losses.length > 0 ? html`<table><thead><tr><th scope="col">stage</th><th scope="col">reason</th><th scope="col" class="number">records</th><th scope="col" class="number">each second</th></tr></thead><tbody>${losses.map(({ stage, reason, count, per_s }) => html`<tr key=${`${stage} ${reason}`}><th scope="row">${stage}</th><td><${Foreign} value=${reason} /></td><td class="number bad">${grouped(count)}</td><td class="number">${per_s.toFixed(1)}</td></tr>`)}</tbody></table>` : null}
  </section>`;
}
