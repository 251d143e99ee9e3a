// Hits over time: one lane for each policy, a bar from start to end. Severity is a colour and a shape.
import type { Hit, Severity } from "../contract";
import { clock, duration, moment, shown } from "../format";
import { classes, html } from "../html";
import type { Window } from "../state";

const LANE = 26;
const WIDTH = 1000;

/** Around (0, 0): a circle, a square, a triangle. */
const SHAPES: Record<Severity, string> = {
  low: "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0",
  medium: "M-5,-5h10v10h-10z",
  high: "M0,-7l7,12h-14z",
};

export function Shape({ severity }: { severity: Severity }) {
  return html`<svg class=${`shape ${severity}`} viewBox="-8 -8 16 16" width="14" height="14" role="img" aria-label=${severity}><path d=${SHAPES[severity]} /></svg>`;
}

/** What was reported of one incident, as the last report has it. */
export interface Incident extends Hit { ids: string[] }

export function incidents(hits: Hit[]): Incident[] {
  const last = new Map<string, Incident>();
  for (const hit of [...hits].sort((one, other) => one.at_ms - other.at_ms)) {
    const name = JSON.stringify([hit.policy, hit.key, hit.start_ms]);
    const before = last.get(name);
    last.set(name, { ...before, ...hit, ids: [...(before?.ids ?? []), hit.id] });
  }
  return [...last.values()];
}

export function Timeline({ hits, window: { from_ms, to_ms }, selected, onHit }: { hits: Incident[]; window: Window; selected: string; onHit: (hit: Hit) => void }) {
  const lanes = [...new Set(hits.map(({ policy }) => policy))].sort();
  const x = (ms: number): number => ((Math.max(from_ms, Math.min(to_ms, ms)) - from_ms) / (to_ms - from_ms)) * WIDTH;
  const marks = [0, 1, 2, 3, 4].map((part) => from_ms + ((to_ms - from_ms) * part) / 4);
  return html`<div class="timeline" role="group" aria-label="Timeline of hits">
    ${lanes.map((policy) => html`<div class="lane" key=${policy}>
      <span class="name"><bdi>${policy}</bdi></span>
      <div class="track"><svg viewBox=${`0 ${-LANE / 2} ${WIDTH} ${LANE}`} preserveAspectRatio="none" height=${LANE} aria-hidden="true">
        ${marks.map((mark) => html`<line class="mark" x1=${x(mark)} x2=${x(mark)} y1=${-LANE / 2} y2=${LANE / 2} />`)}
        ${hits.filter((hit) => hit.policy === policy).map((hit) => {
          const end = hit.end_ms ?? (hit.type === "ongoing" || hit.type === "start" ? to_ms : hit.at_ms);
          return html`<rect class=${`span ${hit.severity}${hit.end_ms === undefined ? " open" : ""}`} x=${x(hit.start_ms)} width=${Math.max(2, x(end) - x(hit.start_ms))} y="-4" height="8" />`;
        })}
      </svg>
      ${hits.filter((hit) => hit.policy === policy).map((hit) => html`<button
        type="button"
        key=${hit.id}
        class=${classes({ mark: true, selected: hit.ids.includes(selected) })}
        style=${{ left: `${x(hit.start_ms) / (WIDTH / 100)}%` }}
        aria-label=${`${hit.severity} ${policy}, ${Object.values(hit.key).map(shown).join(" ")}, from ${moment(hit.start_ms)}${hit.end_ms === undefined ? "" : ` for ${duration(hit.end_ms - hit.start_ms)}`}`}
        onClick=${() => onHit(hit)}
      ><${Shape} severity=${hit.severity} /></button>`)}
    </div></div>`)}
    <div class="lane scale" aria-hidden="true"><span class="name"></span><div class="track">${marks.map((mark, index) => html`<span class="at" style=${{ left: `${index * 25}%` }}>${clock(mark)}</span>`)}</div></div>
  </div>`;
}
