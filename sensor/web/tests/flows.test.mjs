// From a group to its flows, one flow in full, columns, pages, files, and why a table is empty.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { api, parameter, query, settled, surroundings, visit } from "./lab.mjs";
import { FLOWS, NOW } from "./mock/data.mjs";

const around = surroundings();
const HOUR = `range=${NOW - 3_600_000}-${NOW}`;
const WINDOW = { from_ms: NOW - 3_600_000, to_ms: NOW };
const digits = (text) => Number(text.replace(/\D/g, ""));

test("a top row is a way to its flows, and the two tell the same number", () =>
  visit(around, `?${HOUR}`, async (page) => {
    const panel = page.locator("[data-field=dstport]");
    const [first] = (await api(page, "/top", { q: "", ...WINDOW, by: ["dstport"], metric: "octets", limit: 8 })).rows;
    const row = panel.locator("tbody tr").first();
    assert.equal(await row.locator(".value").textContent(), String(first.key[0]));
    assert.equal(digits(await row.locator("td.wide").getAttribute("title")), first.octets, "to the last digit");
    await row.hover();
    await row.getByRole("link").click();
    await parameter(page, "view", "flows");
    await parameter(page, "c", `dstport == ${first.key[0]}`);
    await settled(page);
    await page.waitForFunction((count) => document.querySelector("[data-panel=flows] .rests")?.textContent.replace(/[^\d ]|(?<=\d)\s(?=\d)/g, "").trim().startsWith(`${count} `), first.flows);
  }));

test("every number of a top list is the server's", () =>
  visit(around, `?${HOUR}`, async (page) => {
    for (const field of ["srcip", "dstip", "dstport", "process"]) {
      const { rows, other } = await api(page, "/top", { q: "", ...WINDOW, by: [field], metric: "octets", limit: 8 });
      const shown = await page.locator(`[data-field="${field}"] tbody td.wide`).evaluateAll((cells) => cells.map((cell) => cell.title));
      const wanted = [...rows, ...(other.flows > 0 ? [other] : [])].map(({ octets }) => octets);
      assert.deepEqual(shown.map(digits), wanted, field);
    }
  }));

test("a click includes, with alt it excludes; chips turn round, go, and become a query", () =>
  visit(around, `?${HOUR}`, async (page) => {
    const port = page.locator("[data-field=dstport]").getByRole("button", { name: "443", exact: true });
    await port.click({ modifiers: ["Alt"] });
    await parameter(page, "c", "dstport != 443");
    await settled(page);
    await port.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Turn round dstport != 443" }).click();
    await parameter(page, "c", "dstport == 443");
    await page.locator("[data-field=srcip] tbody button").first().click();
    await page.waitForFunction(() => new URL(location.href).searchParams.getAll("c").length === 2);
    const [one, other] = query(page).getAll("c");
    await page.getByRole("button", { name: "Edit as a query" }).click();
    await parameter(page, "q", `${one} && ${other}`);
    assert.equal(query(page).has("c"), false);
    await page.goBack();
    await parameter(page, "c", [one, other]);
    await page.getByRole("button", { name: `Remove ${other}` }).click();
    await parameter(page, "c", one);
  }));

test("the table is one stop for Tab; arrows move, Enter includes, Alt and Enter exclude, Space opens", () =>
  visit(around, `?view=flows&${HOUR}`, async (page) => {
    assert.equal(await page.locator(".grid td[tabindex='0']").count(), 1);
    await page.locator(".grid td[tabindex='0']").focus();
    for (const key of ["ArrowDown", "ArrowDown", "ArrowRight"]) await page.keyboard.press(key);
    const place = await page.evaluate(() => [document.activeElement.closest("tr").rowIndex, document.activeElement.cellIndex]);
    assert.deepEqual(place, [3, 1]);
    const address = await page.evaluate(() => document.activeElement.textContent);
    await page.keyboard.press("Enter");
    await parameter(page, "c", `srcip == ${address}`);
    await settled(page);
    await page.locator(".grid td[tabindex='0']").focus();
    await page.keyboard.press("Alt+Enter");
    await parameter(page, "c", `srcip != ${address}`);
    await settled(page);
    await page.locator(".grid td[tabindex='0']").focus();
    await page.keyboard.press(" ");
    await page.getByRole("complementary").getByRole("heading", { name: "Flow" }).waitFor();
    assert.ok(query(page).get("flow"));
    await page.keyboard.press("Escape");
    await page.getByRole("complementary").waitFor({ state: "detached" });
    assert.equal(query(page).has("flow"), false);
  }));

test("the drawer has every field, both ends, and where each policy stopped", () =>
  visit(around, `?view=flows&${HOUR}&flow=${FLOWS.at(-1).id}`, async (page) => {
    const { flow, policies } = await api(page, "/explain", { id: FLOWS.at(-1).id });
    const drawer = page.getByRole("complementary");
    const names = await drawer.locator("section").filter({ hasText: "Fields" }).locator("dt").allTextContents();
    assert.deepEqual(names, Object.keys(flow).filter((name) => flow[name] !== null));
    await drawer.locator("summary").click();
    const [stopped] = policies.filter(({ matched }) => !matched);
    await drawer.getByText(`stops at ${stopped.failed_at.text}`).waitFor();
    await drawer.getByRole("heading", { name: "Source" }).waitFor();
    await drawer.getByRole("button", { name: `Without dstport ${flow.dstport}` }).click();
    await parameter(page, "c", `dstport != ${flow.dstport}`);
  }));

test("columns are chosen, moved and kept in the address", () =>
  visit(around, `?view=flows&${HOUR}&columns=srcip,dstip`, async (page) => {
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("searchbox", { name: "Find a field" }).fill("interface");
    await page.getByRole("checkbox", { name: "interface" }).check();
    await parameter(page, "columns", "srcip,dstip,interface");
    await page.getByRole("button", { name: "interface to the left" }).click();
    await parameter(page, "columns", "srcip,interface,dstip");
    await page.reload();
    await settled(page);
    assert.deepEqual(await page.locator(".grid thead th").allTextContents(), ["srcip", "interface", "dstip"]);
  }));

test("sorting asks the server, more rows follow the first", () =>
  visit(around, `?view=flows&${HOUR}`, async (page) => {
    await page.getByRole("button", { name: "octets", exact: true }).click();
    await parameter(page, "order", "octets");
    await settled(page);
    const first = (await api(page, "/flows", { q: "", ...WINDOW, columns: ["srcip"], order: "octets", limit: 201 })).rows;
    await page.waitForFunction((address) => document.querySelector(".grid tbody tr td:nth-child(2)").textContent === address, first[0][0]);
    await page.getByRole("button", { name: "200 more" }).click();
    await page.waitForFunction(() => document.querySelectorAll(".grid tbody tr").length === 400);
    assert.equal(await page.locator(".grid tbody tr").nth(200).locator("td").nth(1).textContent(), first[200][0]);
    await page.getByRole("button", { name: /^end/ }).click();
    await settled(page);
    await page.getByRole("button", { name: /^end/ }).click();
    await parameter(page, "order", "oldest");
    assert.equal(await page.locator(".grid thead th").first().getAttribute("aria-sort"), "ascending");
  }));

for (const [name, ending, lines] of [["CSV", "csv", (text) => text.split("\r\n").slice(1)], ["NDJSON", "ndjson", (text) => text.split("\n")]]) {
  test(`${name} has all that matches, in the columns shown`, () =>
    visit(around, `?view=flows&${HOUR}&columns=srcip,dstport&c=dstport+%3D%3D+22`, async (page) => {
      const { matched } = await api(page, "/flows", { q: "dstport == 22", ...WINDOW, columns: ["srcip"], limit: 1 });
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name, exact: true }).click();
      const download = await saved;
      assert.match(download.suggestedFilename(), new RegExp(`^flows-2026-03-02T090000\\.${ending}$`));
      const rows = lines(readFileSync(await download.path(), "utf8"));
      assert.equal(rows.length, matched);
      assert.ok(rows.every((row) => row.includes("22")));
    }));
}

test("an empty table says why: outside of what is held, or nothing matches", () =>
  visit(around, "?view=flows&range=1000000000000-1000000600000", async (page) => {
    await page.getByText("No flow in this range of 10 min.").waitFor();
    await page.getByText(/Flows are held from 2026-03-02/).waitFor();
    await page.getByRole("button", { name: "Show all held" }).click();
    await parameter(page, "range", "all");
    await page.locator(".grid").waitFor();
    await page.goto(`${around.server.origin}/?view=flows&${HOUR}&q=dstport+%3D%3D+1&c=protocol+%3D%3D+icmp`);
    await page.getByText(/No flow matches\. [\d\u202f]+ were tested\./).waitFor();
    await page.getByRole("button", { name: "Clear the query" }).click();
    await page.locator(".grid").waitFor();
    assert.equal(query(page).has("q") || query(page).has("c"), false);
  }));

test("source and hide self are conditions of every panel", () =>
  visit(around, `?${HOUR}`, async (page) => {
    const asked = page.waitForRequest((request) => request.url().endsWith("/series") && request.postDataJSON().q === "flowtype == host && dstport != 8080");
    await page.getByRole("checkbox", { name: "hide self" }).check();
    await page.getByRole("combobox", { name: "Source" }).selectOption("kernel");
    await asked;
    await settled(page);
    assert.equal(await page.locator("[data-field=dstport]").getByRole("button", { name: "8080" }).count(), 0);
  }));
