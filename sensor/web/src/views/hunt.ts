// Questions about a longer time: largest groups of any fields, their course, and what several queries have in common.
import { useState } from "preact/hooks";

import { currentWindow, go, scope, useAnswer, type App } from "../app";
import type { Common as CommonAnswer, Preset, Series, Top as TopAnswer, TopRow } from "../contract";
import { grouped, METRICS, number, percent, si, told, UNITS, type Metric } from "../format";
import { html } from "../html";
import { group, withChip } from "../nql";
import { remember, remembered } from "../remember";
import { fromSearch, toSearch, VIEWS, type State } from "../state";
import { Chart } from "../parts/chart";
import { NqlInput } from "../parts/nqlinput";
import { Empty, Failure, Foreign, Moment, Rests, state as stateOf } from "../parts/text";
import { Choices } from "./now";

const POINTS = 240;
const LINES = 7;
const MOST_QUERIES = 5;
const SAVED = "searches";
const KINDS: { name: State["hunt"]; text: string }[] = [
  { name: "top", text: "Largest" },
  { name: "series", text: "Course" },
  { name: "common", text: "In common" },
];
const PERIODS = [
  { ms: 0, text: "whole range" },
  { ms: 60_000, text: "each minute" },
  { ms: 3_600_000, text: "each hour" },
  { ms: 86_400_000, text: "each day" },
];

export function Hunt({ app }: { app: App }) {
  const { state } = app;
  const panels = { top: Largest, series: Course, common: Intersections };
  return html`<div class="hunt">
    <${Searches} app=${app} />
    <section class="panel" aria-labelledby="hunt-title" data-panel="hunt">
      <header><h2 id="hunt-title">Hunt</h2>
        <div class="choices">
          <div class="group" role="group" aria-label="Question">${KINDS.map(({ name, text }) => html`<button type="button" aria-pressed=${state.hunt === name} onClick=${() => go({ hunt: name })}>${text}</button>`)}</div>
          <${Grouping} app=${app} />
        </div>
      </header>
      <${panels[state.hunt]} app=${app} />
    </section>
  </div>`;
}

function Grouping({ app: { state, meta } }: { app: App }) {
  const fields = (meta?.fields ?? []).filter(({ groupable }) => groupable);
  const unused = fields.filter(({ name }) => !state.group.includes(name));
  return html`<span class="check">by</span>
    ${state.group.map((name) => html`<span class="chip" key=${name}><code>${name}</code>${state.group.length > 1 ? html`<button type="button" aria-label=${`Not by ${name}`} onClick=${() => go({ group: state.group.filter((one) => one !== name) })}>\u2715</button>` : null}</span>`)}
    <select aria-label="Group by one more field" value="" onChange=${(event: Event) => {
      const select = event.target as HTMLSelectElement;
      go({ group: [...state.group, select.value] });
      select.value = "";
    }}><option value="">+ field</option>${unused.map(({ name }) => html`<option value=${name}>${name}</option>`)}</select>
    ${state.hunt === "series"
      ? null
      : html`<label class="check">largest by <select aria-label="Largest by" value=${state.metric} onChange=${(event: Event) => go({ metric: (event.target as HTMLSelectElement).value as Metric })}>${Object.keys(METRICS).map((metric) => html`<option value=${metric}>${metric}</option>`)}</select></label>
        <label class="check">rows <select aria-label="Rows" value=${String(state.count)} onChange=${(event: Event) => go({ count: Number((event.target as HTMLSelectElement).value) })}>${[...new Set([10, 20, 50, 100, 500, state.count])].sort((one, other) => one - other).map((count) => html`<option value=${String(count)}>${count}</option>`)}</select></label>`}`;
}

function flowsOf(state: State, key: TopRow["key"]): Partial<State> {
  return { view: "flows", chips: group(state.group, key).reduce(withChip, state.chips), flow: "" };
}

function Key({ state, value }: { state: State; value: TopRow["key"] }) {
  return html`${state.group.map((name, index) => html`<th scope=${index === 0 ? "row" : undefined} key=${name}><${Foreign} value=${value[index]} /></th>`)}`;
}

function Largest({ app }: { app: App }) {
  const { state } = app;
  const answer = useAnswer<TopAnswer>(app.meta ? "/top" : null, { ...scope(app), by: state.group, metric: state.metric, limit: state.count });
  const { data } = answer;
  const columns = Object.keys(METRICS) as Metric[];
  return html`<div data-panel="largest" data-state=${stateOf(answer)}>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${data === null ? null : data.rows.length === 0 ? html`<${Empty} app=${app} ground=${data} />` : html`<div class="scroll" tabindex="0" role="region" aria-label="Largest groups"><table>
      <thead><tr>${state.group.map((name) => html`<th scope="col">${name}</th>`)}${columns.map((name) => html`<th scope="col" class="number" aria-sort=${name === state.metric ? "descending" : undefined}>${name}</th>`)}<th scope="col" class="number">share</th><th scope="col"><span class="unseen">flows</span></th></tr></thead>
      <tbody>${data.rows.map((row) => html`<tr key=${JSON.stringify(row.key)}><${Key} state=${state} value=${row.key} />
        ${columns.map((name) => html`<td class="number" title=${name === "octets" ? si(told(row[name]), "B") : undefined}>${grouped(row[name])}</td>`)}<td class="number">${percent(row.share)}</td>
        <td><button type="button" class="plain" aria-label=${`Flows of ${row.key.map(String).join(" ")}`} onClick=${() => go(flowsOf(state, row.key))}>flows</button></td></tr>`)}
        ${number(data.other.flows) > 0 ? html`<tr class="other"><th scope="row" colspan=${state.group.length}>Other</th>${columns.map((name) => html`<td class="number">${grouped(data.other[name])}</td>`)}<td class="number">${percent(data.other.share)}</td><td></td></tr>` : null}
      </tbody>
      <tfoot><tr><th scope="row" colspan=${state.group.length}>Total</th>${columns.map((name) => html`<td class="number">${grouped(data.total[name])}</td>`)}<td></td><td></td></tr></tfoot>
    </table></div>`}
    <${Rests} ground=${data} />
  </div>`;
}

function Course({ app }: { app: App }) {
  const { state } = app;
  const answer = useAnswer<Series>(app.meta ? "/series" : null, { ...scope(app), points: POINTS, unit: state.unit, by: state.group, limit: LINES, rank: state.rank, bidirectional: state.both, previous: state.previous });
  const { data } = answer;
  return html`<div data-panel="course" data-state=${stateOf(answer)}>
    <${Choices} app=${app} isGrouped=${false} />
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${data === null ? html`<div class="waiting"></div>` : number(data.matched) === 0 ? html`<${Empty} app=${app} ground=${data} />` : html`<${Chart} data=${data} unit=${state.unit} by=${state.group} label=${`Course in ${UNITS[state.unit]}`} isTable=${state.table} onKey=${(line: Series["series"][number]) => go(flowsOf(state, line.key))} />`}
    <${Rests} ground=${data} />
  </div>`;
}

function Intersections({ app }: { app: App }) {
  const { state } = app;
  const { q } = scope(app);
  const queries = [...state.queries, "", ""].slice(0, Math.max(2, state.queries.length));
  const isComplete = state.queries.length >= 2;
  const answer = useAnswer<CommonAnswer>(app.meta && isComplete ? "/common" : null, {
    queries: state.queries.map((one) => (q === "" ? one : `(${q}) && (${one})`)),
    by: state.group,
    ...(state.period > 0 ? { period_ms: state.period } : {}),
    ...currentWindow(app),
    limit: state.count,
  });
  const set = (index: number, text: string): void => go({ queries: queries.map((one, at) => (at === index ? text : one)) });
  const { data } = answer;
  return html`<div data-panel="common" data-state=${stateOf(answer)}>
    <p class="quiet">Groups that have flows of every one of these queries, and of the one in the bar.</p>
    <ol class="queries">${queries.map((one, index) => html`<li key=${index}><${NqlInput} value=${one} label=${`Query ${index + 1}`} onRun=${(text: string) => set(index, text)} />
      ${queries.length > 2 ? html`<button type="button" aria-label=${`Remove query ${index + 1}`} onClick=${() => go({ queries: queries.filter((_, at) => at !== index) })}>\u2715</button>` : null}</li>`)}</ol>
    <p class="choices">${isComplete && queries.length < MOST_QUERIES ? html`<button type="button" onClick=${() => go({ queries: [...queries, "octets > 0"] })}>One more query</button>` : null}
      <label class="check">together in <select aria-label="Together in" value=${String(state.period)} onChange=${(event: Event) => go({ period: Number((event.target as HTMLSelectElement).value) })}>${PERIODS.map(({ ms, text }) => html`<option value=${String(ms)}>${text}</option>`)}</select></label></p>
    ${isComplete ? null : html`<div class="empty"><p>Two queries are needed. Enter takes each.</p></div>`}
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${data === null ? null : data.rows.length === 0 ? html`<div class="empty" role="status"><p>Nothing is common to all of them.</p></div>` : html`<div class="scroll" tabindex="0" role="region" aria-label="Groups in common"><table>
      <thead><tr>${state.period > 0 ? html`<th scope="col">time</th>` : null}${state.group.map((name) => html`<th scope="col">${name}</th>`)}${state.queries.map((_, index) => html`<th scope="col" class="number">${index + 1}: ${state.metric}</th>`)}</tr></thead>
      <tbody>${data.rows.map((row) => html`<tr key=${JSON.stringify([row.bucket_ms, row.key])}>${row.bucket_ms === undefined ? null : html`<td><${Moment} ms=${row.bucket_ms} reference=${app.now} full=${true} /></td>`}<${Key} state=${state} value=${row.key} />${row.sums.map((sums) => html`<td class="number">${grouped(sums[state.metric])}</td>`)}</tr>`)}</tbody>
    </table></div>`}
    <${Rests} ground=${data} />
  </div>`;
}

/** Presets of the server, and searches that this browser keeps: a name and the state, as in the URL. */
function Searches({ app }: { app: App }) {
  const { meta, state } = app;
  const [saved, setSaved] = useState(() => remembered(SAVED).map((one) => JSON.parse(one) as { name: string; search: string }));
  const keep = (next: { name: string; search: string }[]): void => {
    setSaved(next);
    remember(SAVED, next.map((one) => JSON.stringify(one)));
  };
  const save = (event: Event): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const name = String(new FormData(form).get("name")).trim();
    if (name === "") return;
    keep([...saved.filter((one) => one.name !== name), { name, search: toSearch(state) }].sort((one, other) => one.name.localeCompare(other.name)));
    form.reset();
  };
  const use = ({ q, view }: Preset): void => go({ q, chips: [], view: VIEWS.find((one) => one === view) ?? "hunt" });
  return html`<section class="panel searches" aria-labelledby="searches-title">
    <h2 id="searches-title">Searches</h2>
    <form class="line" onSubmit=${save}><input name="name" required maxlength="80" aria-label="Name of this search" placeholder="Save this search as" /><button type="submit">Save</button></form>
    ${saved.length > 0 ? html`<h3>Saved in this browser</h3><ul>${saved.map(({ name, search }) => html`<li key=${name}><button type="button" class="plain" onClick=${() => go(fromSearch(search))}><bdi>${name}</bdi></button> <button type="button" class="plain" aria-label=${`Forget ${name}`} onClick=${() => keep(saved.filter((one) => one.name !== name))}>\u2715</button></li>`)}</ul>` : null}
    ${meta && meta.presets.length > 0 ? html`<h3>Presets</h3><ul>${meta.presets.map((preset) => html`<li key=${preset.name}><button type="button" class="plain" onClick=${() => use(preset)}>${preset.name}</button><p class="quiet">${preset.doc}</p></li>`)}</ul>` : null}
  </section>`;
}
