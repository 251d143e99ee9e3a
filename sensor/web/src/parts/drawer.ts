// One flow: every field, what is known of both ends, and what each policy made of it.
import { useEffect, useRef } from "preact/hooks";

import { go, useAnswer, type App } from "../app";
import type { Explained, Value, Verdict } from "../contract";
import { cell, shown, timeOf, utc } from "../format";
import { html } from "../html";
import { Failure, Foreign, state as stateOf } from "./text";
import { narrow } from "./toplist";

export function Drawer({ app }: { app: App }) {
  const { flow } = app.state;
  const answer = useAnswer<Explained>("/explain", { id: flow });
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [flow]);
  const close = (): void => go({ flow: "" });
  return html`<aside class="drawer panel" aria-labelledby="drawer-title" data-state=${stateOf(answer)} onKeyDown=${(event: KeyboardEvent) => {
    if (event.key === "Escape") close();
  }}>
    <header><h2 id="drawer-title" tabindex="-1" ref=${heading}>Flow</h2><button type="button" onClick=${close} aria-label="Close the flow">\u2715</button></header>
    ${answer.error ? html`<${Failure} error=${answer.error} />` : null}
    ${answer.data ? html`<${Policies} verdicts=${answer.data.policies} />
      <${Pairs} app=${app} title="Fields" pairs=${answer.data.flow} isField=${true} />
      <${Pairs} app=${app} title="Source" pairs=${answer.data.profile.src} isField=${false} />
      <${Pairs} app=${app} title="Destination" pairs=${answer.data.profile.dst} isField=${false} />` : null}
  </aside>`;
}

export function Pairs({ app, title, pairs, isField }: { app: App; title: string; pairs: Record<string, Value>; isField: boolean }) {
  const rows = Object.entries(pairs).filter(([, value]) => value !== null);
  return html`<section><h3>${title}</h3>
    ${rows.length === 0 ? html`<p class="quiet">Nothing is known.</p>` : null}
    <dl class="pairs">${rows.map(([name, value]) => {
      const ms = isField ? timeOf(name, value) : null;
      return html`<div key=${name}><dt>${name}</dt><dd><bdi title=${ms === null ? undefined : utc(ms)}>${isField ? cell(name, value) : shown(value)}</bdi>
        ${isField
          ? html`<span class="acts"><button type="button" aria-label=${`Only ${name} ${shown(value)}`} title="Include" onClick=${() => narrow(app, name, value, true)}>+</button><button type="button" aria-label=${`Without ${name} ${shown(value)}`} title="Exclude" onClick=${() => narrow(app, name, value, false)}>\u2212</button></span>`
          : null}</dd></div>`;
    })}</dl></section>`;
}

function Policies({ verdicts }: { verdicts: Verdict[] }) {
  const order = [...verdicts].sort((one, other) => Number(other.matched) - Number(one.matched));
  const matched = order.filter((one) => one.matched).length;
  const item = (verdict: Verdict) => html`<li key=${verdict.id} class=${verdict.matched ? "matched" : "unmatched"}>
    <strong><bdi>${verdict.name}</bdi></strong> ${verdict.matched ? "matches" : null}
    ${verdict.failed_at ? html`<span>stops at <code>${verdict.failed_at.text}</code>, which is <${Foreign} value=${verdict.failed_at.value} /></span>` : null}
  </li>`;
  return html`<section><h3>Policies: ${matched} of ${verdicts.length} match</h3>
    <ul class="verdicts">${order.filter((one) => one.matched).map(item)}</ul>
    ${matched < order.length ? html`<details><summary>${order.length - matched} that do not match</summary><ul class="verdicts">${order.filter((one) => !one.matched).map(item)}</ul></details>` : null}
  </section>`;
}
