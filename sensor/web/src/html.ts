// Markup as tagged templates: no build step for JSX, no markup from strings, so that Trusted Types have nothing to stop.
import htm from "htm";
import { h, type VNode } from "preact";

export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode;

/** Class names of a table of conditions. */
export function classes(table: Record<string, boolean>): string {
  return Object.keys(table)
    .filter((name) => table[name])
    .join(" ");
}
