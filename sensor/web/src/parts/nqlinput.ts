// The query line: a text area over a mirror of itself that has the colours. All it knows of NQL the server tells it.
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { askNow } from "../api";
import type { Checked, Diagnostic, Edit, Offer } from "../contract";
import { classes, html } from "../html";
import { remember, remembered } from "../remember";

const DEBOUNCE_MS = 120;
/** How many completions are shown. */
const SHOWN = 12;
const HISTORY = "queries";
const KEPT = 20;

interface Properties {
  value: string;
  label: string;
  onRun: (q: string) => void;
  onBad?: (isBad: boolean) => void;
}

/** The text in pieces, each with its colour and whether it is at fault. */
function pieces(text: string, checked: Checked | null): { text: string; kind: string; isWrong: boolean }[] {
  const tokens = checked?.tokens ?? [];
  const faults = checked?.diagnostics ?? [];
  const edges = new Set([0, text.length]);
  tokens.forEach(({ from, to }) => edges.add(from).add(to));
  faults.forEach(({ from, to }) => edges.add(from.utf16).add(Math.max(to.utf16, from.utf16 + 1)));
  const sorted = [...edges].filter((edge) => edge <= text.length).sort((one, other) => one - other);
  return sorted.slice(0, -1).map((from, index) => ({
    text: text.slice(from, sorted[index + 1]),
    kind: tokens.find((token) => token.from <= from && from < token.to)?.kind ?? "",
    isWrong: faults.some((fault) => fault.from.utf16 <= from && from < Math.max(fault.to.utf16, fault.from.utf16 + 1)),
  }));
}

/** Edits from the last to the first, so that each finds its place. */
export function applied(text: string, edits: Edit[]): string {
  return [...edits].sort((one, other) => other.from - one.from).reduce((changed, { from, to, text: by }) => changed.slice(0, from) + by + changed.slice(to), text);
}

export function NqlInput({ value, label, onRun, onBad }: Properties) {
  const [draft, setDraft] = useState(value);
  const [checked, setChecked] = useState<{ of: string; result: Checked } | null>(null);
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const area = useRef<HTMLTextAreaElement>(null);
  const caret = useRef<number | null>(null);
  const sequence = useRef(0);
  const history = useRef(-1);
  const id = useId();

  useEffect(() => setDraft(value), [value]);

  const check = (text: string, cursor: number, wantsList: boolean): void => {
    const mine = ++sequence.current;
    askNow<Checked>("/nql/check", { q: text, cursor, context: "flow" }).then(
      (result) => {
        // The text has moved on: the answer is to another question.
        if (mine !== sequence.current) return;
        setChecked({ of: text, result });
        setActive(-1);
        setOpen(wantsList && result.completion.items.length > 0);
        onBad?.(!result.ok);
      },
      () => undefined,
    );
  };

  const wantsList = useRef(false);
  useEffect(() => {
    const timer = setTimeout(() => check(draft, area.current?.selectionStart ?? draft.length, wantsList.current), DEBOUNCE_MS);
    return () => clearTimeout(timer);
  }, [draft]);

  useLayoutEffect(() => {
    if (caret.current === null) return;
    area.current?.setSelectionRange(caret.current, caret.current);
    caret.current = null;
  }, [draft]);

  const current = checked?.of === draft ? checked.result : null;
  const items = current?.completion.items.slice(0, SHOWN) ?? [];
  const faults = current?.diagnostics ?? [];
  const isExpanded = isOpen && items.length > 0;

  const change = (text: string, at: number | null, withList: boolean): void => {
    wantsList.current = withList;
    caret.current = at;
    setOpen(false);
    setDraft(text);
  };

  const take = ({ text }: Offer): void => {
    if (!current) return;
    const { from, to } = current.completion;
    const tail = draft.slice(to);
    const spaced = /^\s/.test(tail) ? text : `${text} `;
    change(draft.slice(0, from) + spaced + tail, from + spaced.length, true);
    area.current?.focus();
  };

  const run = async (): Promise<void> => {
    setOpen(false);
    const text = draft.trim();
    // The last check may be of an older text.
    const result = current ?? (await askNow<Checked>("/nql/check", { q: draft, cursor: draft.length, context: "flow" }).catch(() => null));
    if (result && !result.ok) {
      sequence.current += 1;
      setChecked({ of: draft, result });
      onBad?.(true);
      return;
    }
    if (text !== "") remember(HISTORY, [text, ...remembered(HISTORY).filter((old) => old !== text)].slice(0, KEPT));
    history.current = -1;
    onRun(text);
  };

  const recall = (step: number): void => {
    const old = remembered(HISTORY);
    const next = Math.max(-1, Math.min(old.length - 1, history.current + step));
    if (next === history.current) return;
    history.current = next;
    const text = next < 0 ? "" : (old[next] ?? "");
    change(text, text.length, false);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const { key } = event;
    const step = key === "ArrowDown" ? 1 : key === "ArrowUp" ? -1 : 0;
    const chosen = items[active];
    if (step !== 0 && isExpanded) {
      setActive((active + step + items.length + (active < 0 && step < 0 ? 1 : 0)) % items.length);
    } else if (step !== 0 && !event.shiftKey && !draft.includes("\n")) {
      recall(-step);
    } else if (isExpanded && chosen && (key === "Enter" || key === "Tab")) {
      take(chosen);
    } else if (isExpanded && key === "Tab" && !event.shiftKey && items[0]) {
      take(items[0]);
    } else if (key === "Enter" && !event.shiftKey) {
      void run();
    } else if (key === "Escape" && isExpanded) {
      setOpen(false);
      event.stopPropagation();
    } else if (key === " " && event.ctrlKey) {
      check(draft, area.current?.selectionStart ?? draft.length, true);
    } else {
      return;
    }
    event.preventDefault();
  };

  const option = (item: Offer, index: number) => html`<li
    id=${`${id}-${index}`}
    key=${item.text}
    role="option"
    aria-selected=${index === active}
    class=${classes({ active: index === active })}
    onMouseDown=${(event: MouseEvent) => {
      event.preventDefault();
      take(item);
    }}
  >
    <span class=${`nql-${item.kind}`}><bdi>${item.text}</bdi></span> <span class="detail">${item.detail ?? ""}</span>
  </li>`;

  const fault = (one: Diagnostic, index: number) => html`<li key=${index} class=${one.severity}>
    <span>${one.message}</span>${one.help ? html` <span class="help">${one.help}</span>` : null}
    ${one.fix
      ? html` <button type="button" onClick=${() => {
          change(applied(draft, one.fix?.edits ?? []), null, false);
          area.current?.focus();
        }}>${one.fix.label}</button>`
      : null}
  </li>`;

  return html`<div class=${classes({ nql: true, wrong: faults.some(({ severity }) => severity === "error") })} data-checked=${String(current !== null)}>
    <div class="field">
      <div class="mirror" aria-hidden="true">
        ${pieces(draft, current).map((piece) => html`<span class=${`nql-${piece.kind}${piece.isWrong ? " wrong" : ""}`}>${piece.text}</span>`)}${"\u200b"}
      </div>
      <textarea
        ref=${area}
        rows="1"
        value=${draft}
        placeholder="NQL: dstport == 443 && srcip == 10.0.0.0/8"
        spellcheck=${false}
        autocomplete="off"
        autocapitalize="off"
        aria-label=${label}
        aria-autocomplete="list"
        aria-haspopup="listbox"
        aria-controls=${isExpanded ? `${id}-list` : undefined}
        aria-activedescendant=${isExpanded && active >= 0 ? `${id}-${active}` : undefined}
        aria-invalid=${faults.some(({ severity }) => severity === "error")}
        aria-describedby=${`${id}-faults`}
        onInput=${(event: Event) => {
          history.current = -1;
          change((event.target as HTMLTextAreaElement).value, null, true);
        }}
        onKeyDown=${onKeyDown}
        onBlur=${() => setOpen(false)}
      ></textarea>
    </div>
    ${isExpanded ? html`<ul class="offers" role="listbox" id=${`${id}-list`} aria-label="Completions">${items.map(option)}</ul>` : null}
    <span class="unseen" role="status">${isExpanded ? `${items.length} completions; arrow keys choose, Enter takes` : ""}</span>
    <ul class="faults" id=${`${id}-faults`} aria-live="polite">${faults.map(fault)}</ul>
  </div>`;
}
