// Light or dark: as the system says, unless the reader chose.
import { useEffect, useState } from "preact/hooks";

import { remember, remembered } from "./remember";

export const THEMES = ["auto", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const dark = matchMedia("(prefers-color-scheme: dark)");
let chosen: Theme = THEMES.find((one) => one === remembered("theme")[0]) ?? "auto";
const listeners = new Set<() => void>();

function show(): void {
  document.documentElement.dataset["theme"] = effective();
  listeners.forEach((listener) => listener());
}

export function effective(): "light" | "dark" {
  return chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
}

export function theme(): Theme {
  return chosen;
}

export function setTheme(next: Theme): void {
  chosen = next;
  remember("theme", [next]);
  show();
}

/** What colours there are now; drawn anew when it changes. */
export function useTheme(): "light" | "dark" {
  const [now, setNow] = useState(effective);
  useEffect(() => {
    const listener = (): void => setNow(effective());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return now;
}

dark.addEventListener("change", show);
show();
