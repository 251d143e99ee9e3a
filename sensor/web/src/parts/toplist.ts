// The largest groups of one field: bar, rate, total, share. It is a table already, so it needs no twin.
import { address, go, scope, useAnswer, type App } from "../app";
import type { Top, TopRow } from "../contract";
import { grouped, METRIC_OF, METRICS, number, percent, rate, si, told } from "../format";
import { html } from "../html";
import { condition, group, plain, withChip } from "../nql";
import { Empty, Failure, Foreign, state as stateOf } from "./text";

const SHOWN = 8;

/** Takes a value into the query, or out of it. */
export function narrow(app: App, field: string, value: TopRow["key"][number], include: boolean): void {
  const chip = condition(plain(field), value, include);
  if (chip !== null) go({ chips: withChip(app.state.chips, chip) });
}

interface Properties { app: App; field: string; title: string; choices?: { value: string; label: string }[]; onChoice?: (value: string) => void }

export function TopList({ app, field, title, choices, onChoice }: Properties) {
  const { state } = app;
  const question = { ...scope(app), by: [field], metric: METRIC_OF[state.unit], limit: SHOWN };
  const answer = useAnswer<Top>(app.meta ? "/top" : null, question);
  const seconds = (question.to_ms - question.from_ms) / 1000;
  const id = `top-${field.replace(/\W/g, "-")}`;
  return html`<section class="panel top" aria-labelledby=${id} data-field=${field} data-state=${stateOf(answer)}>
    <h2 id=${id}>${title}${choices && choices.length > 1
      ? html` <select aria-label=${`${title}: which`} value=${field} onChange=${(event: Event) => onChoice?.((event.target as HTMLSelectElement).value)}>${choices.map(
          ({ value, label }) => html`<option value=${value}>${label}</option>`,
        )}</select>`
      : null}</h2>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${answer.data === null ? null : answer.data.rows.length === 0 ? html`<${Empty} app=${app} ground=${answer.data} />` : html`<${Rows} app=${app} field=${field} top=${answer.data} seconds=${seconds} title=${title} />`}
  </section>`;
}

function Rows({ app, field, top, seconds, title }: { app: App; field: string; top: Top; seconds: number; title: string }) {
  const { unit, chips } = app.state;
  const metric = METRIC_OF[unit];
  const factor = metric === "octets" ? 8 : 1;
  const largest = Math.max(...top.rows.map(({ share }) => share ?? 0), Number.MIN_VALUE);
  const bar = (share: number | null, kind: string) => html`<span class=${`bar ${kind}`} style=${{ width: `${Math.min(1, (share ?? 0) / largest) * 100}%` }}></span>`;
  const numbers = (sums: Top["other"]) => html`<td class="number">${rate(sums[metric] === null ? null : (number(sums[metric]) * factor) / seconds, unit)}</td>
    <td class="number wide" title=${grouped(sums[metric])}>${si(told(sums[metric]), METRICS[metric])}</td>
    <td class="number">${percent(sums.share)}</td>`;
  return html`<table class="bars">
    <caption class="unseen">${title} by ${metric}</caption>
    <colgroup><col /><col class="rate" /><col class="total wide" /><col class="share" /><col class="go" /></colgroup>
    <thead><tr>${[title, "rate", "total", "share", "flows"].map((name) => html`<th scope="col" class=${name === "total" ? "wide" : ""}><span class="unseen">${name}</span></th>`)}</tr></thead>
    <tbody>
      ${top.rows.map((row) => {
        const value = row.key[0] ?? null;
        return html`<tr key=${JSON.stringify(row.key)}>
          <th scope="row">${bar(row.share, "")}${value === null
            ? html`<span class="value absent">absent</span>`
            : html`<button type="button" class="value" title="Click: only this. Alt-click: without it." onClick=${(event: MouseEvent) => narrow(app, field, value, !event.altKey)}><${Foreign} value=${value} /></button>`}</th>
          ${numbers(row)}
          <td class="go">${value === null
            ? null
            : html`<a href=${address({ view: "flows", chips: group([field], row.key).reduce(withChip, chips) })} onClick=${(event: MouseEvent) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                go({ view: "flows", chips: group([field], row.key).reduce(withChip, chips) });
              }} aria-label=${`Flows of ${String(value)}`}>flows</a>`}</td>
        </tr>`;
      })}
      ${number(top.other.flows) > 0 ? html`<tr class="other"><th scope="row">${bar(top.other.share, "other")}<span class="value">Other</span></th>${numbers(top.other)}<td></td></tr>` : null}
    </tbody>
  </table>`;
}
