// The page and the sensor that serves it: every view, numbers as the command line has them, faults and completions of the one parser.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { HOSTILE, Sensor } from "./agent.mjs";
import { input, parameter, settled, visit, ZONES } from "./lab.mjs";

const around = { browser: null, server: null };
const flow = (from, to, port, packets) => [from, to, 40_000 + port, port, packets, packets * 1000];

before(async () => {
  around.server = await Sensor.start();
  around.browser = await chromium.launch({ executablePath: process.env.SENSOR_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  const flows = Array.from({ length: 25 }, (_, index) => flow("10.0.0.1", `10.0.${index % 5}.2`, 443, index + 1));
  await around.server.feed([...flows, flow("10.0.0.2", "10.0.0.1", 5432, 7)]);
});
after(async () => {
  await around.browser?.close();
  await around.server?.close();
});

for (const view of ["now", "flows", "hits", "policies", "sources", "hunt"]) {
  for (const zone of ZONES) test(`${view} has no fault in ${zone}`, () => visit(around, `?view=${view}&range=60m`, async () => {}, { zone }));
}

test("the largest are those of the command line, to the digit", () =>
  visit(around, "?view=hunt&range=60m&group=dstip", async (page) => {
    const told = JSON.parse(around.server.ask("hunt", "", "--by", "dstip", "--metric", "octets", "--top", "20", "--json"));
    const rows = await page.locator("main table tbody tr").evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent.replace(/\s/g, ""))));
    const shown = rows.filter(([key]) => key.startsWith("10.")).map(([key, octets, packets, flows]) => [key, Number(octets), Number(packets), Number(flows)]);
    const expected = told.groups.map((group) => [group.dstip, group.octets, group.packets, group.flows]);
    assert.ok(expected.length === 6);
    assert.deepEqual(shown, expected);
  }));

test("completions are of fields, and of values that flows have", () =>
  visit(around, "?view=flows&range=60m", async (page) => {
    await page.keyboard.press("/");
    await page.keyboard.type("label.src.r");
    await page.getByRole("option", { name: /^label\.src\.role/ }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.type("== ");
    await page.getByRole("option", { name: /^database/ }).waitFor();
    await page.keyboard.type("database");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Enter");
    await parameter(page, "q", "label.src.role == database");
    await settled(page);
    assert.equal(await page.locator(".grid tbody tr").count(), 25);
  }));

test("a fault is told and mended", () =>
  visit(around, "", async (page) => {
    await input(page).fill("dstport==443");
    await page.getByRole("button", { name: "add spaces" }).click();
    await page.waitForFunction(() => document.querySelector(".bar textarea").value === "dstport == 443");
  }));

test("a flow has all its fields, what is known of its ends, and what policies make of it", () =>
  visit(around, "?view=flows&range=60m&q=dstport+%3D%3D+5432", async (page) => {
    const { ids } = await page.evaluate(async () => (await fetch("/api/v1/flows", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ q: "dstport == 5432", from_ms: 0, to_ms: 9e15 }) })).json());
    await page.goto(`${around.server.origin}/?view=flows&range=60m&flow=${ids[0]}`);
    await settled(page);
    const drawer = page.locator(".drawer");
    assert.match(await drawer.textContent(), /0 of 1 match/);
    // Characters that would turn the text around are shown by their numbers.
    assert.ok((await drawer.textContent()).includes(HOSTILE.replace("\u202e", "\u27e8U+202E\u27e9")), "the label of the source, as text");
  }));

test("labels that talk to each other lead to their flows", () =>
  visit(around, "?view=sources&range=60m", async (page) => {
    await page.getByRole("button", { name: /to database: .*show flows/ }).click();
    await settled(page);
    assert.equal(await page.locator(".grid tbody tr").count(), 1);
  }));

test("a hit comes by itself, and leads to its flows", () =>
  visit(around, "?view=hits&range=60m", async (page) => {
    await around.server.feed([flow("10.9.9.9", "10.0.0.1", 23, 3)]);
    const row = page.locator("main table tbody tr").filter({ hasText: "10.9.9.9" });
    await row.waitFor();
    await row.getByRole("button", { name: "flows" }).click();
    await page.waitForFunction(() => location.search.includes("view=flows"));
    await settled(page);
    assert.equal(await page.locator(".grid tbody tr").count(), 1);
  }));

test("what is shown is a file as well", () =>
  visit(around, "?view=flows&range=60m&q=dstport+%3D%3D+443", async (page) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "CSV" }).click()]);
    const lines = readFileSync(await download.path(), "utf8").trim().split(/\r?\n/);
    assert.equal(lines.length, 26);
  }));

test("a sensor that has gone is told, and its return", () =>
  visit(around, "?view=now&range=60m", async (page) => {
    await around.server.end();
    await page.getByText(/does not answer/).first().waitFor();
    await around.server.run();
    // It knows nobody any more.
    await page.getByText(/sensor page/).first().waitFor();
  }, { excused: [/ERR_CONNECTION_REFUSED/, /ERR_INCOMPLETE/, /ERR_EMPTY/, /ERR_CONNECTION_RESET/, /401/] }));
