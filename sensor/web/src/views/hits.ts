// What policies reported: when, on whom, how far above the threshold, and the way to the flows behind it.
import { useEffect } from "preact/hooks";

import { currentWindow, go, seenHits, useAnswer, type App } from "../app";
import type { Hit } from "../contract";
import { grouped, number, si } from "../format";
import { classes, html } from "../html";
import { Failure, Foreign, Moment, state as stateOf } from "../parts/text";
import { incidents, Shape, Timeline, type Incident } from "../parts/timeline";

const LIMIT = 2000;
/** Flows begin before the window in which they were counted. */
const AROUND_MS = 60_000;

/** The flows of a hit: its query, in its window. The bar's own conditions would hide some. */
export function flowsOf(hit: Hit): Parameters<typeof go>[0] {
  const to = (hit.end_ms ?? Math.max(hit.at_ms, hit.start_ms)) + AROUND_MS;
  return { view: "flows", q: hit.q, chips: [], source: "", hideSelf: false, range: { kind: "between", from: hit.start_ms - AROUND_MS, to }, at: null, flow: "", order: "newest" };
}

interface Group { policy: string; key: Hit["key"]; hits: Incident[] }

function groups(hits: Incident[]): Group[] {
  const found = new Map<string, Group>();
  for (const hit of hits) {
    const name = JSON.stringify([hit.policy, hit.key]);
    const group = found.get(name) ?? { policy: hit.policy, key: hit.key, hits: [] };
    group.hits.push(hit);
    found.set(name, group);
  }
  const last = ({ hits: of }: Group): number => Math.max(...of.map(({ at_ms }) => at_ms));
  return [...found.values()].sort((one, other) => last(other) - last(one));
}

export function Hits({ app }: { app: App }) {
  const { state } = app;
  const window = currentWindow(app);
  const policy = state.policy === "" ? "" : `&policy=${encodeURIComponent(state.policy)}`;
  const answer = useAnswer<{ hits: Hit[] }>(app.meta ? `/hits?from_ms=${window.from_ms}&to_ms=${window.to_ms}&limit=${LIMIT}${policy}` : null);
  const hits = incidents(answer.data?.hits ?? []);
  const selected = hits.find(({ ids }) => ids.includes(state.hit));
  useEffect(seenHits, [app.fresh.length]);
  return html`<section class="panel" aria-labelledby="hits-title" data-panel="hits" data-state=${stateOf(answer)}>
    <header><h2 id="hits-title">Hits</h2>
      ${state.policy === "" ? html`<p class="quiet">All policies; the query in the bar selects flows, not hits.</p>` : html`<button type="button" onClick=${() => go({ policy: "" })}>Only <bdi>${state.policy}</bdi> \u2715</button>`}
    </header>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${answer.data && hits.length === 0 ? html`<div class="empty" role="status"><p>No policy reported anything in this range.</p><button type="button" onClick=${() => go({ range: { kind: "all" }, at: null })}>Show all held</button></div>` : null}
    ${hits.length > 0
      ? html`<${Timeline} hits=${hits} window=${window} selected=${state.hit} onHit=${(hit: Hit) => go({ hit: hit.id })} />
          ${selected ? html`<${Detail} hit=${selected} />` : null}
          <${List} hits=${hits} selected=${state.hit} />`
      : null}
  </section>`;
}

function Detail({ hit }: { hit: Hit }) {
  return html`<section class="detail-of-hit" aria-label="The chosen hit" data-hit=${hit.id}>
    <p><${Shape} severity=${hit.severity} /> <${Foreign} value=${hit.sentence} /></p>
    <p><code><bdi>${hit.q}</bdi></code></p>
    <p><button type="button" class="main" onClick=${() => go(flowsOf(hit))}>Show its flows</button>
      <button type="button" onClick=${() => go({ policy: hit.policy })}>Only this policy</button>
      <button type="button" onClick=${() => go({ hit: "" })}>Close</button></p>
  </section>`;
}

function List({ hits, selected }: { hits: Incident[]; selected: string }) {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Hits by policy and key"><table>
    <thead><tr><th scope="col">severity</th><th scope="col">policy</th><th scope="col">key</th><th scope="col" class="number">events</th><th scope="col">first</th><th scope="col">last</th><th scope="col" class="number">peak</th><th scope="col" class="number">threshold</th><th scope="col">state</th><th scope="col"><span class="unseen">flows</span></th></tr></thead>
    <tbody>${groups(hits).map(({ policy, key, hits: of }) => {
      const newest = of.reduce((one, other) => (other.at_ms > one.at_ms ? other : one));
      const peak = of.reduce((most, { value }) => Math.max(most, value ?? 0), 0);
      const count = of.reduce((sum, hit) => sum + number(hit.count), 0);
      const first = Math.min(...of.map(({ start_ms }) => start_ms));
      return html`<tr key=${newest.id} class=${classes({ selected: of.some(({ ids }) => ids.includes(selected)) })}>
        <td><${Shape} severity=${newest.severity} /> ${newest.severity}</td>
        <th scope="row"><button type="button" class="value" onClick=${() => go({ hit: newest.id })}><${Foreign} value=${policy} /></button></th>
        <td>${Object.entries(key).map(([name, value], index) => html`${index > 0 ? ", " : ""}<span class="quiet">${name}</span> <${Foreign} value=${value} />`)}</td>
        <td class="number">${grouped(count)}</td>
        <td><${Moment} ms=${first} reference=${newest.at_ms} /></td><td><${Moment} ms=${newest.at_ms} reference=${newest.at_ms} full=${true} /></td>
        <td class="number">${peak > 0 ? si(peak, "") : "\u2013"}</td><td class="number">${newest.threshold === undefined ? "\u2013" : si(newest.threshold, "")}</td>
        <td>${newest.type === "end" ? "ended" : newest.type === "hit" ? "reported" : "ongoing"}</td>
        <td><button type="button" class="plain" aria-label=${`Flows of ${policy}`} onClick=${() => go(flowsOf(newest))}>flows</button></td>
      </tr>`;
    })}</tbody>
  </table></div>`;
}
