// The frame of the page: navigation, the bar, the view, and the keys that work everywhere.
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { linkState } from "./api";
import { address, go, meet, start, useApp, type App } from "./app";
import { clock, shown } from "./format";
import { classes, html } from "./html";
import { remember, remembered } from "./remember";
import { TITLES, VIEWS, type View } from "./state";
import { setTheme, theme, THEMES, useTheme } from "./theme";
import { Bar, shift, togglePause } from "./parts/bar";
import { Flows } from "./views/flows";
import { Hits } from "./views/hits";
import { Hunt } from "./views/hunt";
import { Now } from "./views/now";
import { Policies } from "./views/policies";
import { Sources } from "./views/sources";

const PAGES = { now: Now, flows: Flows, hits: Hits, policies: Policies, sources: Sources, hunt: Hunt } satisfies Record<View, unknown>;

/** Key, what it does, and how. */
const KEYS: { key: string; does: string; act: (app: App) => void }[] = [
  { key: "/", does: "go to the query", act: () => document.querySelector<HTMLElement>(".bar textarea")?.focus() },
  ...VIEWS.map((view, index) => ({ key: String(index + 1), does: TITLES[view], act: () => go({ view }) })),
  { key: "p", does: "pause, or go on", act: togglePause },
  { key: "[", does: "one period back", act: (app) => shift(app, -1) },
  { key: "]", does: "one period forward", act: (app) => shift(app, 1) },
];

const OFF = "keys-off";

function areKeysOn(): boolean {
  return remembered(OFF).length === 0;
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}

function Page() {
  const app = useApp();
  const { state, fresh } = app;
  const help = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target) || help.current?.open) return;
      if (event.key === "Escape" && state.flow !== "") return go({ flow: "" });
      if (!areKeysOn()) return;
      if (event.key === "?") return help.current?.showModal();
      const bound = KEYS.find(({ key }) => key === event.key);
      if (!bound) return;
      event.preventDefault();
      bound.act(app);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  useEffect(() => {
    document.title = `${TITLES[state.view]} \u00b7 ${app.meta?.host ?? "sensor"}`;
  }, [state.view, app.meta?.host]);
  const tab = (view: View) => html`<a
    key=${view}
    href=${address({ view, flow: "" })}
    aria-current=${view === state.view ? "page" : undefined}
    onClick=${(event: MouseEvent) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      go({ view, flow: "" });
    }}
  >${TITLES[view]}${view === "hits" && fresh.length > 0 ? html`<span class="count">${fresh.length}<span class="unseen"> new</span></span>` : null}</a>`;
  return html`<a class="skip" href="#main" onClick=${(event: Event) => {
      event.preventDefault();
      document.querySelector<HTMLElement>("#main")?.focus();
    }}>To the content</a>
    <header class="top-line">
      <span class="brand"><svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d="M1 11h3l2-7 3 9 2-5h4" /></svg><bdi>${shown(app.meta?.host ?? "sensor")}</bdi></span>
      <nav aria-label="Views">${VIEWS.map(tab)}</nav>
      <span class="tools"><${Theme} /><button type="button" aria-label="Keys and help" onClick=${() => help.current?.showModal()}>?</button></span>
    </header>
    <${Banner} app=${app} />
    <${Bar} app=${app} />
    <main id="main" tabindex="-1" data-met=${String(app.meta !== null)} class=${classes({ old: app.isDraftBad })} data-view=${state.view}><h1 class="unseen">${TITLES[state.view]}</h1><${PAGES[state.view]} app=${app} /></main>
    <p class="unseen" role="status">${fresh.length > 0 ? `Hit: ${shown(fresh.at(-1)?.sentence)}` : ""}</p>
    <${Help} app=${app} dialog=${help} />`;
}

/** What is wrong with the sensor or the way to it. */
function Banner({ app }: { app: App }) {
  const link = linkState();
  if (link === "refused") {
    return html`<div class="banner bad" role="alert"><p>No session. Run <code>sensor page</code> on the host of the sensor, and open the address that it prints.</p><button type="button" onClick=${() => void meet()}>Try again</button></div>`;
  }
  if (link === "gone") {
    return html`<div class="banner bad" role="alert"><p>The sensor does not answer${app.lostAt === null ? "" : ` since ${clock(app.lostAt)}`}. What is shown is from before; the page tries again by itself.</p><button type="button" onClick=${() => void meet()}>Try now</button></div>`;
  }
  if (app.failure) return html`<div class="banner bad" role="alert"><p>${app.failure}</p><button type="button" onClick=${() => void meet()}>Try again</button></div>`;
  if (app.health && !app.health.ok) return html`<div class="banner warn" role="status"><p>The sensor is unhealthy: ${app.health.reasons.map(shown).join(", ")}.</p></div>`;
  return null;
}

function Theme() {
  useTheme();
  const [, draw] = useState(0);
  return html`<select aria-label="Colours" value=${theme()} onChange=${(event: Event) => {
    setTheme(THEMES.find((one) => one === (event.target as HTMLSelectElement).value) ?? "auto");
    draw((count) => count + 1);
  }}>${THEMES.map((one) => html`<option value=${one}>${one}</option>`)}</select>`;
}

function Help({ app, dialog }: { app: App; dialog: { current: HTMLDialogElement | null } }) {
  const [isOn, setOn] = useState(areKeysOn);
  return html`<dialog ref=${dialog} aria-labelledby="help-title">
    <h2 id="help-title">Keys</h2>
    <dl class="pairs">${KEYS.map(({ key, does }) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${does}</dd></div>`)}
      <div><dt><kbd>Ctrl</kbd> <kbd>Space</kbd></dt><dd>completions, in the query</dd></div>
      <div><dt>click, <kbd>Alt</kbd>-click</dt><dd>only this value, without this value</dd></div>
      <div><dt>drag, double click</dt><dd>zoom into a chart, and back</dd></div></dl>
    <label class="check"><input type="checkbox" checked=${isOn} onChange=${(event: Event) => {
      const isNowOn = (event.target as HTMLInputElement).checked;
      remember(OFF, isNowOn ? [] : ["1"]);
      setOn(isNowOn);
    }} />keys of one letter</label>
    <p class="quiet">sensor ${app.meta?.version ?? ""}. Times are local; UTC is in their tooltips.</p>
    <form method="dialog"><button>Close</button></form>
  </dialog>`;
}

const root = document.querySelector("#page");
if (root) {
  start();
  render(html`<${Page} />`, root);
}
