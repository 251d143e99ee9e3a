// A browser on the page, and what must never happen in one: an error, a violation of the policy, a request elsewhere.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { chromium } from "playwright-core";

import { start } from "./mock/server.mjs";

const DIST = "dist";
/** The longest wait for a state; what is there at once is not waited for. */
const PATIENCE_MS = 20_000;

export const ZONES = ["UTC", "Asia/Kolkata"];

/** One browser and one server for the tests of a file. */
export function surroundings() {
  const around = { browser: null, server: null };
  before(async () => {
    around.server = await start(DIST);
    around.browser = await chromium.launch({ executablePath: process.env.SENSOR_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  });
  after(async () => {
    await around.browser?.close();
    await around.server?.close();
  });
  return around;
}

/** Runs `body` on the page at `search`, logged in, and then judges what happened there. */
export async function visit({ browser, server }, search, body, { scheme = "light", zone = "UTC", width = 1280, height = 860, login = true, excused = [] } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, timezoneId: zone, reducedMotion: "reduce", acceptDownloads: true });
  const faults = [];
  const note = (text) => excused.some((pattern) => pattern.test(text)) || faults.push(text);
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) => console.error(`policy: ${violatedDirective} ${blockedURI} ${sample}`));
    });
    page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(`console: ${message.text()}`));
    page.on("pageerror", (error) => note(`error: ${error.stack}`));
    page.on("dialog", (dialog) => note(`dialog: ${dialog.message()}`));
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(server.origin) && !url.startsWith(`blob:${server.origin}`)) note(`request elsewhere: ${url}`);
    });
    // The cookie of the log-in is the browser's; the address of the first page is `/`.
    if (login) await page.goto(server.login);
    await page.goto(`${server.origin}/${search}`);
    if (login) await settled(page);
    await body(page);
  } catch (error) {
    if (faults.length > 0) error.message += `\nand on the page:\n${faults.join("\n")}`;
    throw error;
  } finally {
    await context.close();
  }
  assert.deepEqual(faults, []);
}

/** Until every panel has its answer. */
export async function settled(page) {
  await page.waitForFunction(() => {
    const panels = [...document.querySelectorAll("[data-state]")];
    return document.querySelector("main[data-met=true]") !== null && panels.length > 0 && panels.every((panel) => panel.dataset.state !== "loading");
  });
}

export const query = (page) => new URL(page.url()).searchParams;

/** Until the address says so: the page writes it after the event that asked for it. */
export async function parameter(page, name, value) {
  await page.waitForFunction(([of, wanted]) => JSON.stringify(new URL(location.href).searchParams.getAll(of)) === JSON.stringify(wanted), [name, [value].flat()]);
}

export const input = (page) => page.getByRole("textbox", { name: "Query in NQL" });

/** Until the server has judged the text that stands there. */
export async function checked(page) {
  await page.locator(".bar .nql[data-checked=true]").waitFor();
}

/** An answer of the server, past the page. */
export async function api(page, path, body) {
  return page.evaluate(
    async ([to, data]) => {
      const init = data === undefined ? {} : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(data) };
      return (await fetch(`/api/v1${to}`, init)).json();
    },
    [path, body],
  );
}
