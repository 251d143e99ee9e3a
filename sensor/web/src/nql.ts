// Conditions made of clicks. The page has no grammar of NQL: it only writes conditions, and joins whole ones.
import type { Field, Value } from "./contract";

const BARE = /^[A-Za-z0-9_.:/@+-]+$/;
const WORDS = new Set(["and", "or", "not", "in"]);

/** A value as NQL writes it. */
export function literal(value: Value): string {
  const text = String(value);
  if (typeof value !== "string" || (BARE.test(text) && !WORDS.has(text.toLowerCase()))) return text;
  return `'${text.replace(/[\\'"]/g, "\\$&")}'`;
}

/** The condition that a field has this value, or has not. Nothing where NQL cannot say it. */
export function condition(field: string, value: Value, include: boolean): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) {
    const parts = value.map((one) => condition(field, one, include)).filter((part) => part !== null);
    return parts.length === 0 ? null : parts.join(" && ");
  }
  return `${field} ${include ? "==" : "!="} ${literal(value)}`;
}

/** The conditions of one group of several fields. */
export function group(fields: string[], key: Value[]): string[] {
  return fields.map((field, index) => condition(plain(field), key[index] ?? null, true)).filter((part) => part !== null);
}

/** `srcip/24` groups, `srcip` selects. */
export function plain(field: string): string {
  return field.replace(/\/.*$/, "");
}

/** All conditions hold. What may hold an `||` is put into parentheses, since NQL mixes the two only so. */
export function every(parts: string[]): string {
  const meant = parts.map((part) => part.trim()).filter((part) => part !== "");
  const [only] = meant;
  if (meant.length === 1 && only !== undefined) return only;
  return meant.map((part) => (/\|\||\bor\b/i.test(part) ? `(${part})` : part)).join(" && ");
}

/** The same conditions, a further one, each once; the opposite of the new one goes. */
export function withChip(chips: string[], chip: string): string[] {
  const opposite = / == /.test(chip) ? chip.replace(" == ", " != ") : chip.replace(" != ", " == ");
  return [...chips.filter((other) => other !== chip && other !== opposite), chip];
}

/** The first of these fields that the server has. */
export function known(fields: Field[], ...names: string[]): string | null {
  return names.find((name) => fields.some((field) => field.name === name)) ?? null;
}
