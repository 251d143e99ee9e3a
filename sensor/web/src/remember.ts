// What this browser remembers: recent queries, saved searches, the theme. Never on the server.

const PREFIX = "sensor.";

/** The list under a name; empty where there is none, or where something else wrote there. */
export function remembered(name: string): string[] {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(PREFIX + name) ?? "[]");
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  } catch {
    return [];
  }
}

export function remember(name: string, value: string[]): void {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing forgets it with the tab.
  }
}
