// The start: how much, of what, and whether anything is lost.
import { useState } from "preact/hooks";

import { go, lost, scope, useAnswer, type App } from "../app";
import type { Series } from "../contract";
import { grouped, number, rate, UNITS, type Unit } from "../format";
import { html } from "../html";
import { group, known, withChip } from "../nql";
import { RANKS, type Rank } from "../state";
import { Chart } from "../parts/chart";
import { Empty, Failure, Rests, state as stateOf } from "../parts/text";
import { TopList } from "../parts/toplist";

const POINTS = 120;
const LINES = 7;

export function Now({ app }: { app: App }) {
  const { state, meta } = app;
  const fields = meta?.fields ?? [];
  const question = { ...scope(app), points: POINTS, unit: state.unit, by: state.by, limit: LINES, rank: state.rank, bidirectional: state.both, previous: state.previous };
  const answer = useAnswer<Series>(meta ? "/series" : null, question);
  const contexts = meta?.contexts ?? [];
  const [side, setSide] = useState("");
  const labels = contexts.flatMap((context) => ["src", "dst"].map((end) => ({ value: `label.${end}.${context}`, label: `${context}, ${end === "src" ? "source" : "destination"}` })));
  const label = labels.find(({ value }) => value === side)?.value ?? labels[0]?.value;
  const panels = [
    { title: "Sources", field: known(fields, "srcip") },
    { title: "Destinations", field: known(fields, "dstip") },
    { title: "Service ports", field: known(fields, "serverport", "dstport") },
    { title: "Processes", field: known(fields, "process", "src.process", "processname") },
    { title: "Protocols", field: known(fields, "process", "src.process", "processname") ? null : known(fields, "protocol") },
    { title: "Countries", field: known(fields, "dstgeo.countrycode") },
  ];
  return html`<${Losses} app=${app} />
    <section class="panel" aria-labelledby="rate-title" data-panel="series" data-state=${stateOf(answer)}>
      <header><h2 id="rate-title">Rate</h2><${Choices} app=${app} /></header>
      ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
      ${answer.data === null ? html`<div class="waiting"></div>` : number(answer.data.matched) === 0
        ? html`<${Empty} app=${app} ground=${answer.data} />`
        : html`<${Chart} data=${answer.data} unit=${state.unit} by=${state.by} label=${`Rate in ${UNITS[state.unit]}`} isTable=${state.table} onKey=${(line: Series["series"][number], isExclude: boolean) =>
            go({ chips: group(state.by, line.key).map((part) => (isExclude ? part.replace(" == ", " != ") : part)).reduce(withChip, state.chips) })} />`}
      <${Rests} ground=${answer.data} />
    </section>
    <div class="tops">
      ${panels.map(({ title, field }) => (field === null ? null : html`<${TopList} key=${field} app=${app} field=${field} title=${title} />`))}
      ${label ? html`<${TopList} key="label" app=${app} field=${label} title="Labels" choices=${labels} onChoice=${setSide} />` : null}
    </div>`;
}

/** How the rate is drawn; the same for the hunt. */
export function Choices({ app, isGrouped = true }: { app: App; isGrouped?: boolean }) {
  const { state, meta } = app;
  const groupable = (meta?.fields ?? []).filter((field) => field.groupable);
  const toggle = (key: "both" | "previous" | "table", text: string) =>
    html`<label class="check"><input type="checkbox" checked=${state[key]} onChange=${(event: Event) => go({ [key]: (event.target as HTMLInputElement).checked }, "replace")} />${text}</label>`;
  return html`<div class="choices">
    <div class="group" role="group" aria-label="Unit">${(Object.keys(UNITS) as Unit[]).map((unit) => html`<button type="button" aria-pressed=${unit === state.unit} onClick=${() => go({ unit })}>${UNITS[unit]}</button>`)}</div>
    ${isGrouped
      ? html`<label class="check">by <select aria-label="Group the rate by" value=${state.by[0] ?? ""} onChange=${(event: Event) => {
          const { value } = event.target as HTMLSelectElement;
          go({ by: value === "" ? [] : [value] });
        }}><option value="">nothing</option>${groupable.map(({ name }) => html`<option value=${name}>${name}</option>`)}</select></label>
        ${state.by.length > 0
          ? html`<label class="check">largest <select aria-label="Largest by" value=${state.rank} onChange=${(event: Event) => go({ rank: (event.target as HTMLSelectElement).value as Rank })}>${RANKS.map((rank) => html`<option value=${rank}>${rank}</option>`)}</select></label>`
          : null}`
      : null}
    ${toggle("both", "both ways")}${toggle("previous", "period before")}${toggle("table", "table")}
  </div>`;
}

/** The rate of this second, and what was lost at each stage: red only when it is not zero. */
function Losses({ app }: { app: App }) {
  const tick = app.ticks.at(-1);
  return html`<section class="strip" aria-label="This second, and losses" data-ticks=${app.ticks.length}>
    <dl>
      <div><dt>now</dt>${(Object.keys(UNITS) as Unit[]).map((unit) => html`<dd key=${unit}>${tick ? rate(tick[unit], unit) : "\u2013"}</dd>`)}</div>
      ${lost(app.ticks).map(({ stage, count }) => html`<div key=${stage} class=${number(count) > 0 ? "loss bad" : "loss"}><dt>lost: ${stage}</dt><dd>${number(count) > 0 ? "\u26a0 " : ""}${grouped(count)}</dd></div>`)}
    </dl>
  </section>`;
}
