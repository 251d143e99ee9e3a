// Every policy with its state, and what it would have reported of the held flows. The files are the truth: nothing is edited here.
import { useState } from "preact/hooks";

import { ask } from "../api";
import { currentWindow, go, useAnswer, type App } from "../app";
import type { DryRun, Policy } from "../contract";
import { grouped, number } from "../format";
import { classes, html } from "../html";
import { flowsOf } from "./hits";
import { Failure, Foreign, Moment, state as stateOf } from "../parts/text";
import { incidents, Shape } from "../parts/timeline";

export function Policies({ app }: { app: App }) {
  const { state } = app;
  const answer = useAnswer<{ policies: Policy[] }>(app.meta ? "/policies" : null);
  const [filter, setFilter] = useState("");
  const policies = (answer.data?.policies ?? []).filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(filter.toLowerCase()));
  return html`<section class="panel" aria-labelledby="policies-title" data-panel="policies" data-state=${stateOf(answer)}>
    <header><h2 id="policies-title">Policies</h2><input type="search" aria-label="Find a policy" placeholder="Find a policy" value=${filter} onInput=${(event: Event) => setFilter((event.target as HTMLInputElement).value)} /></header>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${answer.data && policies.length === 0 ? html`<div class="empty" role="status"><p>${filter === "" ? "No policy is loaded. Name policy files, or the stock library, in the configuration." : "No policy has this in its name or description."}</p></div>` : null}
    ${policies.length > 0
      ? html`<div class="scroll" tabindex="0" role="region" aria-label="Table of policies"><table>
          <thead><tr><th scope="col">policy</th><th scope="col">severity</th><th scope="col">state</th><th scope="col" class="number">hits</th><th scope="col" class="number">rows tested</th><th scope="col" class="number">ns a row</th></tr></thead>
          <tbody>${policies.map((policy) => html`<${Row} key=${policy.id} app=${app} policy=${policy} isOpen=${state.policy === policy.id} />`)}</tbody>
        </table></div>`
      : null}
  </section>`;
}

function Row({ app, policy, isOpen }: { app: App; policy: Policy; isOpen: boolean }) {
  const { id, name, severity, enabled, last_error: fault } = policy;
  return html`<tr class=${classes({ selected: isOpen })}>
      <th scope="row"><button type="button" class="value" aria-expanded=${isOpen} onClick=${() => go({ policy: isOpen ? "" : id })}>${isOpen ? "\u25be" : "\u25b8"} <${Foreign} value=${name} /></button></th>
      <td><${Shape} severity=${severity} /> ${severity}</td>
      <td>${fault ? html`<span class="bad">\u26a0 fault</span>` : enabled ? "on" : html`<span class="quiet">off</span>`}</td>
      <td class="number">${number(policy.hits) > 0 ? html`<button type="button" class="plain" aria-label=${`${grouped(policy.hits)} hits of ${name}`} onClick=${() => go({ view: "hits", policy: name })}>${grouped(policy.hits)}</button>` : "0"}</td>
      <td class="number">${grouped(policy.evaluated)}</td>
      <td class="number">${policy.ns_per_row === undefined ? "\u2013" : policy.ns_per_row.toFixed(1)}</td>
    </tr>
    ${isOpen ? html`<tr class="more-of"><td colspan="6"><${Detail} app=${app} policy=${policy} /></td></tr>` : null}`;
}

function Detail({ app, policy }: { app: App; policy: Policy }) {
  const [run, setRun] = useState<{ result: DryRun | null; error: Error | null; isRunning: boolean }>({ result: null, error: null, isRunning: false });
  const start = (): void => {
    setRun({ result: null, error: null, isRunning: true });
    ask<DryRun>(`/policies/${encodeURIComponent(policy.id)}/dryrun`, currentWindow(app)).then(
      (result) => setRun({ result, error: null, isRunning: false }),
      (error: Error) => setRun({ result: null, error, isRunning: false }),
    );
  };
  return html`<p>${policy.description}</p>
    <pre class="query"><bdi>${policy.q}</bdi></pre>
    ${policy.threshold ? html`<p><span class="quiet">threshold</span> <code>${policy.threshold}</code></p>` : null}
    ${policy.track_by.length > 0 ? html`<p><span class="quiet">for each</span> <code>${policy.track_by.join(", ")}</code></p>` : null}
    ${policy.last_error ? html`<p class="bad" role="alert">${policy.last_error}</p>` : null}
    <p><button type="button" class="main" disabled=${run.isRunning} onClick=${start}>Dry run on this range</button>
      <button type="button" onClick=${() => go({ view: "flows", q: policy.q, chips: [] })}>Show flows that match</button></p>
    ${run.error ? html`<${Failure} error=${run.error} />` : null}
    <div role="status" data-dryrun=${run.isRunning ? "loading" : run.result ? "ready" : ""}>${run.result ? html`<${Result} run=${run.result} />` : null}</div>`;
}

function Result({ run }: { run: DryRun }) {
  const events = incidents(run.events);
  return html`<p>${events.length === 0 ? "It would have reported nothing" : `It would have reported ${events.length} ${events.length === 1 ? "incident" : "incidents"}`}: ${grouped(run.tested)} flows tested, ${run.ns_per_row.toFixed(1)} ns each.${run.partial ? html` <strong class="warn">partial: ${run.partial.reason}</strong>` : null}</p>
    <ul class="events">${events.map((hit) => html`<li key=${hit.id}><${Shape} severity=${hit.severity} /> <${Moment} ms=${hit.start_ms} reference=${hit.at_ms} full=${true} /> <${Foreign} value=${hit.sentence} /> <button type="button" class="plain" onClick=${() => go(flowsOf(hit))}>flows</button></li>`)}</ul>`;
}
