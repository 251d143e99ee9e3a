// A table of flows for mouse and keys: one stop for Tab, arrows move, Enter takes a value into the query.
import { useRef, useState } from "preact/hooks";

import type { Value } from "../contract";
import { cell, clock, timeOf, utc } from "../format";
import { classes, html } from "../html";

interface Properties {
  label: string;
  columns: { name: string; type: string }[];
  rows: Value[][];
  ids: string[];
  selected: string;
  /** What the header of a column sorts by, where it does. */
  sorts: Record<string, { isActive: boolean; direction: "ascending" | "descending"; sort: () => void }>;
  onValue: (field: string, value: Value, include: boolean) => void;
  onOpen: (id: string) => void;
  /** Where all is of one day, the date is told once, in the tooltip. */
  isOneDay: boolean;
}

const NUMBERS = new Set(["int", "float"]);
const NAMES_OF_NUMBERS = /port|as\.number|vlan|input|output|version/;

export function Grid({ label, columns, rows, ids, selected, sorts, onValue, onOpen, isOneDay }: Properties) {
  const body = useRef<HTMLTableSectionElement>(null);
  const [[row, column], setPlace] = useState<[number, number]>([0, 0]);
  const place: [number, number] = [Math.min(row, rows.length - 1), Math.min(column, columns.length - 1)];

  const focus = (toRow: number, toColumn: number): void => {
    const next: [number, number] = [Math.max(0, Math.min(rows.length - 1, toRow)), Math.max(0, Math.min(columns.length - 1, toColumn))];
    setPlace(next);
    body.current?.rows[next[0]]?.cells[next[1]]?.focus();
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const [at, of] = place;
    const name = columns[of]?.name ?? "";
    const steps: Record<string, () => void> = {
      ArrowDown: () => focus(at + 1, of),
      ArrowUp: () => focus(at - 1, of),
      ArrowRight: () => focus(at, of + 1),
      ArrowLeft: () => focus(at, of - 1),
      PageDown: () => focus(at + 20, of),
      PageUp: () => focus(at - 20, of),
      Home: () => focus(event.ctrlKey ? 0 : at, 0),
      End: () => focus(event.ctrlKey ? rows.length - 1 : at, columns.length - 1),
      Enter: () => onValue(name, rows[at]?.[of] ?? null, !event.altKey),
      " ": () => onOpen(ids[at] ?? ""),
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    step();
  };

  const head = ({ name, type }: { name: string; type: string }) => {
    const sort = sorts[name];
    return html`<th key=${name} scope="col" class=${classes({ number: isNumber(name, type) })} aria-sort=${sort?.isActive ? sort.direction : undefined}>
      ${sort ? html`<button type="button" class="sort" onClick=${sort.sort}>${name}<span aria-hidden="true">${sort.isActive ? (sort.direction === "ascending" ? " \u25b2" : " \u25bc") : ""}</span></button>` : name}
    </th>`;
  };

  return html`<div class="scroll">
    <table class="grid" role="grid" aria-label=${`${label}. Arrow keys move, Enter includes the value, Alt and Enter exclude it, Space opens the flow.`} aria-rowcount=${rows.length + 1}>
      <thead><tr>${columns.map(head)}</tr></thead>
      <tbody ref=${body} onKeyDown=${onKeyDown}>
        ${rows.map((values, at) => html`<tr key=${ids[at]} aria-selected=${ids[at] === selected} onClick=${() => onOpen(ids[at] ?? "")}>
          ${columns.map(({ name, type }, of) => {
            const value = values[of] ?? null;
            const ms = timeOf(name, value);
            return html`<td
              key=${name}
              role="gridcell"
              class=${classes({ number: isNumber(name, type), absent: value === null })}
              tabindex=${at === place[0] && of === place[1] ? 0 : -1}
              onFocus=${() => setPlace([at, of])}
            >${value === null
              ? "\u2013"
              : html`<span class="value" title=${ms === null ? undefined : utc(ms)} onClick=${(event: MouseEvent) => {
                  event.stopPropagation();
                  onValue(name, value, !event.altKey);
                }}><bdi>${ms !== null && isOneDay ? clock(ms) : cell(name, value)}</bdi></span>`}</td>`;
          })}
        </tr>`)}
      </tbody>
    </table>
  </div>`;
}

function isNumber(name: string, type: string): boolean {
  return NUMBERS.has(type) && !NAMES_OF_NUMBERS.test(name) && timeOf(name, 0) === null;
}
