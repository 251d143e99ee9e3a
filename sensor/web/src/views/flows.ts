// The matching flows, one a row, with the columns one wants.
import { useEffect, useState } from "preact/hooks";

import { download, ask } from "../api";
import { currentWindow, go, scope, useAnswer, type App } from "../app";
import type { Flows as Answer, Value } from "../contract";
import { day, clock } from "../format";
import { html } from "../html";
import { COLUMNS, type Order } from "../state";
import { Drawer } from "../parts/drawer";
import { Grid } from "../parts/grid";
import { Empty, Failure, Rests, state as stateOf } from "../parts/text";
import { narrow } from "../parts/toplist";

const PAGE = 200;

export function Flows({ app }: { app: App }) {
  const { state, meta } = app;
  const question = { ...scope(app), columns: state.columns, order: state.order, limit: PAGE };
  const answer = useAnswer<Answer>(meta ? "/flows" : null, question);
  const [more, setMore] = useState<Answer[]>([]);
  const [failed, setFailed] = useState<Error | null>(null);
  // Further pages belong to the first one.
  useEffect(() => setMore([]), [answer.data]);
  const pages = answer.data ? [answer.data, ...more] : [];
  const next = pages.at(-1)?.next;

  const further = (): void => {
    setFailed(null);
    ask<Answer>("/flows", { ...question, after: next }).then((page) => setMore((before) => [...before, page]), setFailed);
  };

  const order = (by: Order, against?: Order) => ({
    isActive: state.order === by || state.order === against,
    direction: state.order === against ? ("ascending" as const) : ("descending" as const),
    sort: () => go({ order: state.order === by && against ? against : by }),
  });
  const sorts = { end: order("newest", "oldest"), octets: order("octets"), packets: order("packets"), duration: order("duration") };

  return html`<div class=${state.flow === "" ? "one" : "two"}>
    <section class="panel" aria-labelledby="flows-title" data-panel="flows" data-state=${stateOf(answer)}>
      <header><h2 id="flows-title">Flows</h2><div class="choices"><${Columns} app=${app} /><${Exports} app=${app} /></div></header>
      ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
      ${answer.data && answer.data.rows.length === 0 ? html`<${Empty} app=${app} ground=${answer.data} />` : null}
      ${answer.data && answer.data.rows.length > 0
        ? html`<${Grid}
              label="Flows"
              columns=${answer.data.columns}
              rows=${pages.flatMap(({ rows }) => rows)}
              ids=${pages.flatMap(({ ids }) => ids)}
              selected=${state.flow}
              isOneDay=${day(question.from_ms) === day(question.to_ms)}
              sorts=${sorts}
              onValue=${(field: string, value: Value, include: boolean) => narrow(app, field, value, include)}
              onOpen=${(flow: string) => go({ flow })}
            />`
        : null}
      ${failed ? html`<${Failure} error=${failed} />` : null}
      ${next ? html`<button type="button" class="more" onClick=${further}>${PAGE} more</button>` : null}
      <${Rests} ground=${answer.data} />
    </section>
    ${state.flow === "" ? null : html`<${Drawer} app=${app} />`}
  </div>`;
}

function Columns({ app: { state, meta } }: { app: App }) {
  const [isOpen, setOpen] = useState(false);
  const [filter, setFilter] = useState("");
  const fields = (meta?.fields ?? []).filter(({ name, doc }) => `${name} ${doc}`.toLowerCase().includes(filter.toLowerCase()));
  const toggle = (name: string, isOn: boolean): void => go({ columns: isOn ? [...state.columns, name] : state.columns.filter((one) => one !== name) }, "replace");
  const move = (name: string, step: number): void => {
    const at = state.columns.indexOf(name);
    const rest = state.columns.filter((one) => one !== name);
    rest.splice(Math.max(0, at + step), 0, name);
    go({ columns: rest }, "replace");
  };
  return html`<div class="menu" onKeyDown=${(event: KeyboardEvent) => {
    if (event.key === "Escape") setOpen(false);
  }}>
    <button type="button" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>Columns</button>
    ${isOpen
      ? html`<div class="pop" role="group" aria-label="Columns">
          <input type="search" aria-label="Find a field" placeholder="Find a field" value=${filter} onInput=${(event: Event) => setFilter((event.target as HTMLInputElement).value)} />
          <ul class="fields" tabindex="0" aria-label="Fields">${fields.map(({ name, doc }) => {
            const isOn = state.columns.includes(name);
            return html`<li key=${name}><label class="check" title=${doc}><input type="checkbox" checked=${isOn} disabled=${isOn && state.columns.length === 1} onChange=${(event: Event) => toggle(name, (event.target as HTMLInputElement).checked)} /><span>${name}</span></label>
              ${isOn ? html`<span class="acts"><button type="button" aria-label=${`${name} to the left`} onClick=${() => move(name, -1)}>\u2190</button><button type="button" aria-label=${`${name} to the right`} onClick=${() => move(name, 1)}>\u2192</button></span>` : html`<span class="quiet doc">${doc}</span>`}</li>`;
          })}</ul>
          <button type="button" onClick=${() => go({ columns: COLUMNS }, "replace")}>As usual</button>
        </div>`
      : null}
  </div>`;
}

const TYPES = [
  { name: "CSV", type: "text/csv", ending: "csv" },
  { name: "NDJSON", type: "application/x-ndjson", ending: "ndjson" },
];

/** All matching flows as a file, in the columns shown. Packets are not kept, so there is no pcap. */
function Exports({ app }: { app: App }) {
  const [said, setSaid] = useState("");
  const save = ({ name, type, ending }: (typeof TYPES)[number]): void => {
    const { from_ms } = currentWindow(app);
    const { columns, order } = app.state;
    setSaid(`${name} is on its way`);
    download("/flows", { ...scope(app), columns, order, limit: app.meta?.limits.rows ?? PAGE }, type).then(
      (blob) => {
        const link = document.createElement("a");
        link.href = URL.createObjectURL(blob);
        link.download = `flows-${day(from_ms)}T${clock(from_ms).replaceAll(":", "")}.${ending}`;
        link.click();
        URL.revokeObjectURL(link.href);
        setSaid(`${link.download} is saved`);
      },
      (error: Error) => setSaid(error.message),
    );
  };
  return html`<div class="group" role="group" aria-label="Save as a file">${TYPES.map((type) => html`<button type="button" title=${`Save as ${type.name}`} onClick=${() => save(type)}>${type.name}</button>`)}</div><span role="status" class="quiet">${said}</span>`;
}
