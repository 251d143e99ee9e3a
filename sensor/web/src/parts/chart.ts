// A rate over time: uPlot for the eyes, a table of the same numbers for everybody else.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { go, undoBrush } from "../app";
import type { Line, Series } from "../contract";
import { clock, day, grouped, moment, rate, shown, si, told, UNITS, type Unit } from "../format";
import { html } from "../html";
import { useTheme } from "../theme";
import { Foreign, Moment } from "./text";

const HEIGHT = 240;
const COLOURS = 8;

interface Drawn { line: Line; name: string; colour: string; isPiled: boolean; values: (number | null)[] }

/** What a line is called. */
export function nameOf(line: Line, by: string[]): string {
  const suffix = `${line.reverse ? " (back)" : ""}${line.previous ? " (before)" : ""}`;
  if (line.other) return `Other${suffix}`;
  return (by.length === 0 ? "all" : line.key.map(shown).join(" \u00b7 ")) + suffix;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Groups lie on each other, the way back below zero; what was before is a line of its own. */
function drawn({ series }: Series, by: string[]): Drawn[] {
  const sums = { up: [] as number[], down: [] as number[] };
  let next = 0;
  const colours = new Map<string, string>();
  return series.map((line) => {
    const key = line.other ? "other" : JSON.stringify(line.key);
    if (!colours.has(key)) colours.set(key, line.other ? "--line-other" : `--line-${(next++ % COLOURS) + 1}`);
    const sum = line.reverse ? sums.down : sums.up;
    const sign = line.reverse ? -1 : 1;
    const values = line.v.map((value, index) => {
      if (line.previous) return value;
      sum[index] = (sum[index] ?? 0) + (value ?? 0);
      return sign * (sum[index] ?? 0);
    });
    return { line, name: nameOf(line, by), colour: colours.get(key) ?? "--line-1", isPiled: by.length > 0, values };
  });
}

function options(lines: Drawn[], unit: Unit, width: number, onRange: (from: number, to: number) => void): uPlot.Options {
  const grid = { stroke: colour("--grid"), width: 1 };
  const axis = { stroke: colour("--muted"), grid, ticks: grid, font: "11px system-ui, sans-serif" };
  return {
    width,
    height: HEIGHT,
    padding: [8, 28, 0, 0],
    ms: 1,
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 }, bind: { dblclick: () => () => (undoBrush(), null) } },
    bands: bands(lines),
    scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low * 1.05), Math.max(high * 1.05, 1)] } },
    axes: [
      { ...axis, space: 70, values: (_, splits) => splits.map((at, index) => (index === 0 || day(at) !== day(splits[index - 1] ?? at) ? `${clock(at)}\n${day(at)}` : clock(at))) },
      { ...axis, size: 86, values: (_, splits) => splits.map((value) => si(Math.abs(value), UNITS[unit])) },
    ],
    series: [
      {},
      ...lines.map(({ line, colour: name, isPiled }) => ({
        stroke: colour(name),
        width: line.previous || isPiled ? 1 : 1.5,
        points: { show: false },
        ...(line.previous ? { dash: [4, 4] } : { fill: `${colour(name)}${isPiled ? "80" : "38"}` }),
      })),
    ],
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width: size } = plot.select;
          if (size < 3) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          onRange(Math.round(plot.posToVal(left, "x")), Math.round(plot.posToVal(left + size, "x")));
        },
      ],
    },
  };
}

/** Each of a pile is filled down, or up, to the one before it. */
function bands(lines: Drawn[]): uPlot.Band[] {
  const pile = (isReverse: boolean): number[] => lines.flatMap(({ line }, index) => (!line.previous && Boolean(line.reverse) === isReverse ? [index + 1] : []));
  // The largest comes last, so that its edge is seen where those above it are nothing.
  const between = (indices: number[], dir: 1 | -1): uPlot.Band[] => indices.slice(0, -1).map((index, at) => ({ series: [index, indices[at + 1] ?? index], dir }));
  return [...between(pile(false), -1), ...between(pile(true), 1)];
}

interface Properties { data: Series; unit: Unit; by: string[]; label: string; isTable: boolean; onKey?: (line: Line, isExclude: boolean) => void }

export function Chart({ data, unit, by, label, isTable, onKey }: Properties) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const mark = useRef<{ from: number; at: number } | null>(null);
  const theme = useTheme();
  const lines = drawn(data, by);
  const layers = [...lines].reverse();
  // A chart is made anew only for other lines; more of the same is put into it.
  const shape = JSON.stringify([lines.map(({ name, colour: of }) => [name, of]), unit, theme, isTable]);

  useEffect(() => {
    const element = box.current;
    if (!element || isTable) return;
    const zoom = (from: number, to: number): void => go({ range: { kind: "between", from, to }, at: null }, "brush");
    const made = new uPlot(options(layers, unit, element.clientWidth || 600, zoom), [data.t, ...layers.map(({ values }) => values)], element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => plot.current?.setData([data.t, ...layers.map(({ values }) => values)]), [data]);

  const move = (index: number): void => {
    const made = plot.current;
    const at = data.t[index];
    if (made && at !== undefined) made.setCursor({ left: made.valToPos(at, "x"), top: HEIGHT / 3 });
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const made = plot.current;
    const last = data.t.length - 1;
    const here = mark.current?.at ?? made?.cursor.idx ?? last;
    if (step !== 0) {
      const at = Math.max(0, Math.min(last, here + step));
      mark.current = { from: event.shiftKey ? (mark.current?.from ?? here) : at, at };
      move(at);
      const [from, to] = [data.t[mark.current.from], data.t[at]].map((ms) => made?.valToPos(ms ?? 0, "x") ?? 0).sort((one, other) => one - other);
      made?.setSelect({ left: from ?? 0, width: (to ?? 0) - (from ?? 0), top: 0, height: made.bbox.height / devicePixelRatio }, false);
    } else if (event.key === "Enter" && mark.current && mark.current.from !== mark.current.at) {
      const [from, to] = [data.t[mark.current.from] ?? 0, data.t[mark.current.at] ?? 0].sort((one, other) => one - other);
      mark.current = null;
      go({ range: { kind: "between", from: from ?? 0, to: (to ?? 0) + data.step_ms }, at: null }, "brush");
    } else if (event.key === "Backspace") {
      undoBrush();
    } else {
      return;
    }
    event.preventDefault();
  };

  const { t } = data;
  const reference = t.at(-1) ?? 0;
  const [first] = lines;
  const summary = first && t.length > 0 ? sentence(first, data, unit) : "No values.";

  return html`<figure class="chart">
    <figcaption>${summary}</figcaption>
    ${isTable
      ? html`<div class="scroll tall" tabindex="0" role="region" aria-label=${`${label}, as a table`}>
          <table>
            <thead><tr><th scope="col">time</th>${lines.map(({ name }) => html`<th scope="col" class="number"><bdi>${name}</bdi></th>`)}</tr></thead>
            <tbody>${t.map((at, index) => html`<tr key=${at}><th scope="row"><${Moment} ms=${at} reference=${reference} /></th>
              ${lines.map(({ line }) => html`<td class="number">${line.v[index] == null ? "\u2013" : rate(line.v[index] ?? 0, unit)}</td>`)}</tr>`)}</tbody>
          </table>
        </div>`
      : html`<div class="plot" ref=${box} tabindex="0" role="application" aria-roledescription="chart" aria-label=${`${label}. ${summary} Arrow keys move, with Shift they select, Enter zooms, Backspace goes back.`} onKeyDown=${onKeyDown}></div>`}
    <${Legend} lines=${lines} unit=${unit} onKey=${onKey} isGrouped=${by.length > 0} />
  </figure>`;
}

function sentence({ line, name }: Drawn, { t, step_ms }: Series, unit: Unit): string {
  const peak = line.v.reduce<number>((best, value, index) => ((value ?? 0) > (line.v[best] ?? 0) ? index : best), 0);
  const of = name === "all" ? "" : `${name}: `;
  return `${of}${rate(line.stat.avg, unit)} on average, at most ${rate(line.stat.max, unit)} at ${moment(t[peak] ?? 0).slice(11)}; one value covers ${step_ms / 1000} s.`;
}

function Legend({ lines, unit, onKey, isGrouped }: { lines: Drawn[]; unit: Unit; onKey: Properties["onKey"]; isGrouped: boolean }) {
  const total = { bps: "octets", pps: "packets", fps: "flows" }[unit];
  return html`<div class="scroll legends" tabindex="0" role="region" aria-label="Lines of the chart">
    <table class="legend">
      <thead><tr><th scope="col">line</th>${["min", "avg", "p95", "max", "last"].map((name) => html`<th scope="col" class="number">${name}</th>`)}<th scope="col" class="number">${total}</th></tr></thead>
      <tbody>
        ${lines.map(({ line, name, colour: of }) => html`<tr key=${name}>
          <th scope="row"><span class="swatch" style=${{ background: `var(${of})` }}></span>${isGrouped && onKey && !line.other
            ? html`<button type="button" class="value" title="Include; with Alt, exclude" onClick=${(event: MouseEvent) => onKey(line, event.altKey)}><${Foreign} value=${name} /></button>`
            : html`<bdi>${name}</bdi>`}</th>
          ${[line.stat.min, line.stat.avg, line.stat.p95, line.stat.max, line.stat.last].map((value) => html`<td class="number">${rate(value, unit)}</td>`)}
          <td class="number" title=${grouped(line.stat.total)}>${si(told(line.stat.total), unit === "bps" ? "B" : "")}</td>
        </tr>`)}
      </tbody>
    </table>
  </div>`;
}
