// Every view in both themes: no fault that axe knows, no sideways scrolling, reachable by keys.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { input, parameter, query, settled, surroundings, visit } from "./lab.mjs";
import { NOW } from "./mock/data.mjs";

const around = surroundings();
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const VIEWS = {
  now: "?range=60m&by=dstport&both=1",
  flows: "?view=flows&range=60m&c=dstport+%3D%3D+443&flow=f3990",
  hits: "?view=hits&range=15m&hit=h2",
  policies: "?view=policies&policy=port_scan",
  sources: "?view=sources&range=60m&lookup=10.0.2.1",
  hunt: "?view=hunt&range=60m&group=srcip,dstport",
  course: "?view=hunt&range=60m&hunt=series&group=protocol&table=1",
  common: "?view=hunt&range=60m&hunt=common&common=dstport+%3D%3D+443&common=dstport+%3D%3D+22",
  empty: "?view=flows&q=dstport+%3D%3D+1",
};

async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`);
}

for (const scheme of ["light", "dark"]) {
  for (const [name, search] of Object.entries(VIEWS)) {
    test(`${name}, ${scheme}: axe finds nothing`, () =>
      visit(around, search, async (page) => {
        assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), scheme);
        assert.deepEqual(await axe(page), []);
      }, { scheme, width: 1120, height: 760 }));
  }
}

for (const [what, width] of [["a phone", 360], ["200 % zoom", 640]]) {
  for (const [name, search] of Object.entries(VIEWS)) {
    test(`${name} fits on ${what}`, () =>
      visit(around, search, async (page) => {
        const [needed, given] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(needed <= given, `${needed} > ${given}`);
        assert.deepEqual(await axe(page), []);
      }, { width, height: 740 }));
  }
}

test("open menus, completions, faults and the help have no fault either", () =>
  visit(around, "?view=flows", async (page) => {
    await page.getByRole("button", { name: "Columns" }).click();
    await page.getByRole("searchbox", { name: "Find a field" }).waitFor();
    assert.deepEqual(await axe(page), [], "columns");
    await page.keyboard.press("Escape");
    await page.locator(".absolute").click();
    await page.getByRole("button", { name: "Apply" }).waitFor();
    assert.deepEqual(await axe(page), [], "times");
    await page.locator(".absolute").click();
    await input(page).fill("dstp");
    await page.getByRole("listbox").waitFor();
    await page.locator(".faults li").waitFor();
    assert.deepEqual(await axe(page), [], "completions and faults");
    await input(page).fill("");
    await page.locator("h2").first().click();
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(await axe(page), [], "help");
  }));

test("every control can be reached by Tab, and is seen to be", () =>
  visit(around, "?range=15m", async (page) => {
    const seen = new Set();
    for (let step = 0; step < 120; step += 1) {
      await page.keyboard.press("Tab");
      const [text, outline] = await page.evaluate(() => {
        const { activeElement: element } = document;
        const style = getComputedStyle(element.closest(".field") ?? element);
        return [`${element.tagName} ${element.getAttribute("aria-label") ?? element.textContent.slice(0, 40)}`, element === document.body || style.outlineStyle !== "none" || style.boxShadow !== "none"];
      });
      assert.ok(outline, `${text} shows no focus`);
      seen.add(text);
    }
    for (const wanted of ["Flows", "Query in NQL", "last 5 minutes", "Live", "bit/s", "Group the rate by", "443"]) {
      assert.ok([...seen].some((text) => text.includes(wanted)), `${wanted} is not reached`);
    }
  }));

test("keys of one letter do nothing in a text, and can be turned off", () =>
  visit(around, "", async (page) => {
    await input(page).fill("2");
    await page.keyboard.press("3");
    assert.equal(await input(page).inputValue(), "23");
    await page.locator("h2").first().click();
    await page.keyboard.press("?");
    await page.getByRole("checkbox", { name: "keys of one letter" }).uncheck();
    await page.getByRole("button", { name: "Close" }).click();
    await page.keyboard.press("2");
    await page.locator("nav").getByRole("link", { name: "Policies" }).click();
    await parameter(page, "view", "policies");
    await page.goBack();
    assert.equal(query(page).get("view"), null, "2 did not lead to the flows");
  }));

test("the reader's choice of colours stays, and redraws the chart", () =>
  visit(around, "", async (page) => {
    const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await colour();
    await page.getByRole("combobox", { name: "Colours" }).selectOption("dark");
    await page.waitForFunction((before) => getComputedStyle(document.body).backgroundColor !== before, light);
    await page.reload();
    await settled(page);
    assert.notEqual(await colour(), light);
  }));

test("the losses strip is red only where something is lost", () =>
  visit(around, "", async (page) => {
    await page.waitForFunction(() => Number(document.querySelector(".strip").dataset.ticks) >= 1);
    const bad = await page.locator(".strip .bad").allTextContents();
    assert.deepEqual(bad, ["lost: intake\u26a0 12"]);
  }));

test("policies: a dry run says what would have been reported, and leads to the flows", () =>
  visit(around, "?view=policies&range=60m", async (page) => {
    await page.getByRole("button", { name: /port_scan/ }).first().click();
    await page.getByRole("button", { name: "Dry run on this range" }).click();
    await page.getByText(/It would have reported 1 incident/).waitFor();
    await page.locator(".events").getByRole("button", { name: "flows" }).click();
    await parameter(page, "q", "action == rejected && srcip == 10.0.3.66");
    await page.goBack();
    await page.getByRole("button", { name: /broken/ }).click();
    await page.getByText("the list `gone` was not found").waitFor();
  }));

test("labels: an address, a text, and a cell of the matrix lead on", () =>
  visit(around, `?view=sources&range=${NOW - 3_600_000}-${NOW}`, async (page) => {
    await page.getByRole("searchbox", { name: "Address or label" }).fill("10.0.2.9");
    await page.keyboard.press("Enter");
    await page.getByText("labels.csv:3").waitFor();
    await page.getByRole("searchbox", { name: "Address or label" }).fill("web");
    await page.keyboard.press("Enter");
    await page.locator("[data-panel=lookup] table").getByRole("button", { name: "web" }).waitFor();
    await page.getByRole("button", { name: /^office to database/ }).click();
    await parameter(page, "q", "label.src.role == office && label.dst.role == database");
    await settled(page);
    assert.ok((await page.locator(".grid tbody tr").count()) > 3);
  }));

test("hunt: groups of several fields, what queries have in common, searches that stay", () =>
  visit(around, `?view=hunt&range=${NOW - 3_600_000}-${NOW}`, async (page) => {
    await page.getByRole("combobox", { name: "Group by one more field" }).selectOption("dstport");
    await parameter(page, "group", "srcip,dstport");
    await page.getByRole("combobox", { name: "Largest by" }).selectOption("flows");
    await settled(page);
    const row = page.locator("[data-panel=largest] tbody tr").first();
    const [source, port] = await row.locator("th").allTextContents();
    await page.getByRole("textbox", { name: "Name of this search" }).fill("pairs");
    await page.getByRole("button", { name: "Save" }).click();
    await row.getByRole("button", { name: /^Flows of/ }).click();
    await parameter(page, "c", [`srcip == ${source}`, `dstport == ${port}`]);
    await page.keyboard.press("6");
    await page.reload();
    await settled(page);
    await page.getByRole("button", { name: "pairs", exact: true }).click();
    await parameter(page, "group", "srcip,dstport");
    assert.equal(query(page).get("metric"), "flows");
    await page.getByRole("button", { name: "In common" }).click();
    await page.getByText("Two queries are needed").waitFor();
    for (const [index, text] of [["1", "dstport == 443"], ["2", "dstport == 22"]]) {
      const line = page.getByRole("textbox", { name: `Query ${index}` });
      await line.fill(text);
      await line.press("Enter");
    }
    await parameter(page, "common", ["dstport == 443", "dstport == 22"]);
    await page.getByRole("button", { name: "Not by dstport" }).click();
    await page.locator("[data-panel=common] tbody tr").first().waitFor();
    await page.getByRole("button", { name: "Forget pairs" }).click();
    await page.getByRole("button", { name: "pairs", exact: true }).waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Rejected traffic" }).click();
    await parameter(page, "q", "action == rejected");
  }));
