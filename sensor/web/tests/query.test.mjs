// The query line: completions, mistakes and their mends, history.
import assert from "node:assert/strict";
import { test } from "node:test";

import { checked, input, parameter, query, settled, surroundings, visit } from "./lab.mjs";

const around = surroundings();

test("a query is typed by keys, with a completion taken", () =>
  visit(around, "?view=flows&range=60m", async (page) => {
    const all = await page.locator(".rests").textContent();
    await page.keyboard.press("/");
    await page.keyboard.type("dstp");
    const option = page.getByRole("option", { name: /^dstport/ });
    await option.waitFor();
    await page.keyboard.press("ArrowDown");
    await page.locator("[role=option][aria-selected=true]").waitFor();
    const active = await input(page).getAttribute("aria-activedescendant");
    assert.equal(await option.getAttribute("id"), active, "the active completion is told to screen readers");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelector(".bar textarea").value === "dstport ");
    await page.keyboard.type("== 22");
    await page.keyboard.press("Enter");
    await parameter(page, "q", "dstport == 22");
    await settled(page);
    await page.waitForFunction((before) => document.querySelector(".rests").textContent !== before, all);
    const ports = await page.locator(".grid tbody td:nth-child(5)").allTextContents();
    assert.ok(ports.length > 10 && ports.every((port) => port === "22"), String(ports.slice(0, 5)));
  }));

test("a mistake is underlined where it is, told in words, and mended by a button", () =>
  visit(around, "?view=flows", async (page) => {
    await input(page).fill("dstport==443");
    await page.locator(".faults li.error").waitFor();
    assert.deepEqual(await page.locator(".mirror .wrong").allTextContents(), ["=="]);
    assert.match(await page.locator(".faults").textContent(), /operators need a space/);
    assert.equal(await input(page).getAttribute("aria-invalid"), "true");
    assert.match(await page.locator("main").getAttribute("class"), /old/, "what is shown is of the text before");
    await input(page).press("Enter");
    await page.getByRole("button", { name: "add spaces" }).click();
    await page.waitForFunction(() => document.querySelector(".bar textarea").value === "dstport == 443");
    await checked(page);
    assert.equal(query(page).has("q"), false, "a text with a mistake is not run");
    await input(page).press("Enter");
    await parameter(page, "q", "dstport == 443");
    assert.equal(await page.locator(".faults li").count(), 0);
  }));

test("parentheses are added where `&&` and `||` mix", () =>
  visit(around, "", async (page) => {
    await input(page).fill("dstport == 22 && protocol == tcp || dstport == 53");
    await page.getByRole("button", { name: "add parentheses" }).click();
    await page.waitForFunction(() => document.querySelector(".bar textarea").value === "(dstport == 22 && protocol == tcp) || dstport == 53");
    await checked(page);
    assert.equal(await page.locator(".faults li").count(), 0);
  }));

test("a place after characters of two UTF-16 units is the right one", () =>
  visit(around, "", async (page) => {
    await input(page).fill("process == '\u{1f642}\u{1f642}' && dstprot == 1");
    await page.locator(".faults li.error").waitFor();
    assert.deepEqual(await page.locator(".mirror .wrong").allTextContents(), ["dstprot"]);
    await page.getByRole("button", { name: "write dstport" }).click();
    await page.waitForFunction(() => document.querySelector(".bar textarea").value.endsWith("&& dstport == 1"));
  }));

test("an answer to an older text is thrown away", () =>
  visit(around, "", async (page) => {
    let release;
    const held = new Promise((resolve) => (release = resolve));
    await page.route("**/nql/check", async (route) => {
      if (route.request().postDataJSON().q === "dstprot == 1") await held;
      await route.continue();
    });
    const asked = page.waitForRequest((request) => request.url().endsWith("/nql/check") && request.postDataJSON().q === "dstprot == 1");
    await input(page).fill("dstprot == 1");
    const late = page.waitForResponse(async (response) => response.request() === (await asked));
    await asked;
    await input(page).fill("dstport == 1");
    await checked(page);
    release();
    await late;
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    assert.equal(await page.locator(".faults li").count(), 0);
    assert.equal(await page.locator(".bar .nql").getAttribute("data-checked"), "true");
  }));

test("escape closes the completions, control and space open them, the arrows recall", () =>
  visit(around, "", async (page) => {
    for (const text of ["dstport == 53", "dstport == 22"]) {
      await input(page).fill(text);
      await checked(page);
      await input(page).press("Enter");
      await parameter(page, "q", text);
    }
    await input(page).fill("");
    await page.getByRole("listbox").waitFor();
    await input(page).press("Escape");
    await page.getByRole("listbox").waitFor({ state: "detached" });
    await input(page).press("ArrowUp");
    assert.equal(await input(page).inputValue(), "dstport == 22");
    await input(page).press("ArrowUp");
    assert.equal(await input(page).inputValue(), "dstport == 53");
    await input(page).press("ArrowDown");
    assert.equal(await input(page).inputValue(), "dstport == 22");
    await input(page).fill("");
    await page.getByRole("listbox").waitFor();
    await input(page).press("Escape");
    await input(page).press("Control+Space");
    await page.getByRole("listbox").waitFor();
  }));

test("colours are the server's tokens, and the mirror holds the very text", () =>
  visit(around, "", async (page) => {
    const text = "dstport == 443 && (protocol == tcp)";
    await input(page).fill(text);
    await checked(page);
    assert.equal((await page.locator(".bar .mirror").textContent()).replace("\u200b", ""), text);
    assert.deepEqual(await page.locator(".bar .mirror .nql-field").allTextContents(), ["dstport", "protocol"]);
    assert.deepEqual(await page.locator(".bar .mirror .nql-value").allTextContents(), ["443", "tcp"]);
  }));
