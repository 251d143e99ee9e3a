// Names that others chose stay text, the policy holds, and the page outlives its server.
import assert from "node:assert/strict";
import { test } from "node:test";

import { settled, surroundings, visit } from "./lab.mjs";
import { HOSTILE, NOW } from "./mock/data.mjs";
import { start } from "./mock/server.mjs";

const around = surroundings();
const HOUR = `range=${NOW - 3_600_000}-${NOW}`;

test("a name with markup is shown as it is, and makes no element", () =>
  visit(around, `?view=hunt&${HOUR}&group=interface`, async (page) => {
    await page.getByText(HOSTILE.interface, { exact: true }).waitFor();
    assert.equal(await page.locator("img").count(), 0);
    await page.goto(`${around.server.origin}/?view=flows&${HOUR}&columns=interface,flowsrcname,label.dst.role&c=${encodeURIComponent(`interface == '${HOSTILE.interface}'`)}`);
    await settled(page);
    await page.locator(".grid").getByText(HOSTILE.interface, { exact: true }).first().click();
    await page.locator(".chips code").filter({ hasText: HOSTILE.interface }).waitFor();
    assert.equal(await page.locator("img, main b").count(), 0);
    await page.goto(`${around.server.origin}/?view=sources&${HOUR}`);
    await settled(page);
    await page.getByRole("button", { name: HOSTILE.device }).waitFor();
    await page.goto(`${around.server.origin}/?view=hits&range=60m`);
    await settled(page);
    await page.locator(".lane").getByText("label_<b>mix</b>").waitFor();
    assert.equal(await page.locator("img, main b").count(), 0);
  }));

test("a character that turns text round is named instead of obeyed", () =>
  visit(around, `?view=sources&${HOUR}`, async (page) => {
    await page.locator(".matrix thead").getByText("prod\u27e8U+202E\u27e9gnp.exe").waitFor();
    const raw = await page.evaluate(() => document.body.textContent.includes("\u202e"));
    assert.equal(raw, false, "no such character is on the page");
  }));

test("a hostile host in the address of the page is only text", () =>
  visit(around, `?view=%22%3E%3Cimg+src%3Dx+onerror%3Dalert(1)%3E&q=${encodeURIComponent("<img src=x onerror=alert(1)>")}&c=${encodeURIComponent("<script>alert(1)</script>")}&range=9-1&n=1e9&lookup=%3Cb%3E`, async (page) => {
    await page.locator("main[data-view=now]").waitFor();
    await page.locator(".failure").first().waitFor();
    assert.equal(await page.locator("img").count(), 0);
    assert.equal(await page.locator(".chips code").textContent(), "<script>alert(1)</script>");
  }, { excused: [/status of 400/] }));

test("this lab sees what it forbids", async () => {
  const bad = {
    "a script in the page": () => document.body.append(Object.assign(document.createElement("script"), { textContent: "1" })),
    "markup from a string": () => (document.body.innerHTML = "<b>"),
    "a style in markup": () => document.body.setAttribute("style", "color: red"),
    "a request elsewhere": () => fetch("http://192.0.2.1/").catch(() => undefined),
    "a message of an error": () => console.error("x"),
  };
  for (const [name, act] of Object.entries(bad)) {
    await assert.rejects(
      visit(around, "?view=policies", async (page) => {
        await page.evaluate(`(${act})()`).catch(() => undefined);
      }),
      assert.AssertionError,
      name,
    );
  }
});

test("a server that is gone is told, tried again, and everything is asked anew when it is back", async () => {
  const own = { browser: around.browser, server: await start("dist") };
  let again;
  try {
    await visit(own, "?view=flows&range=15m", async (page) => {
      const before = await page.locator(".grid tbody tr").count();
      await own.server.close();
      const banner = page.getByRole("alert").filter({ hasText: "The sensor does not answer" });
      await banner.waitFor();
      assert.equal(await page.locator(".grid tbody tr").count(), before, "what was shown stays");
      again = await start("dist", own.server.port);
      const asked = page.waitForResponse((response) => response.url().endsWith("/flows") && response.ok());
      await asked;
      await banner.waitFor({ state: "detached" });
      await settled(page);
      await page.locator("nav").getByRole("link", { name: "Now" }).click();
      await page.waitForFunction(() => Number(document.querySelector(".strip")?.dataset.ticks) >= 2);
    }, { excused: [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED|ERR_NETWORK_IO_SUSPENDED|ERR_CONNECTION_CLOSED/] });
  } finally {
    await again?.close();
  }
});

test("without a session the page says how to get one", () =>
  visit(around, "", async (page) => {
    await page.getByRole("alert").getByText("sensor page").waitFor();
    assert.equal(await page.locator("[data-state=error]").count(), 0);
  }, { login: false, excused: [/status of 401/] }));

test("a busy server is asked again", () =>
  visit(around, "?view=policies", async (page) => {
    let refused = 0;
    await page.route("**/flows", (route) => (refused++ < 2 ? route.fulfill({ status: 429, json: { error: { code: "busy", message: "two queries run already" } } }) : route.continue()));
    await page.keyboard.press("2");
    await page.locator(".grid").waitFor();
    assert.equal(refused, 3);
  }, { excused: [/status of 429/] }));

test("never are more than two questions on their way", () =>
  visit(around, `?view=policies&${HOUR}`, async (page) => {
    let [running, most] = [0, 0];
    await page.route(/\/api\/v1\/(top|series)$/, async (route) => {
      most = Math.max(most, ++running);
      const response = await route.fetch();
      running -= 1;
      await route.fulfill({ response });
    });
    await page.keyboard.press("1");
    await page.locator("main[data-view=now] .bars").first().waitFor();
    await settled(page);
    assert.equal(most, 2);
  }));

test("a hit that comes live is counted and spoken, until somebody looks", () =>
  visit(around, "", async (page) => {
    await page.waitForFunction(() => Number(document.querySelector(".strip").dataset.ticks) >= 1);
    around.server.hit({ id: "live", policy: "port_scan", severity: "high", type: "start", key: { srcip: "10.0.3.66" }, at_ms: NOW, start_ms: NOW, count: 1, sentence: "10.0.3.66 asks\u202e ports", q: "srcip == 10.0.3.66" });
    await page.locator("nav .count").getByText("1").waitFor();
    await page.locator("p[role=status]").getByText("Hit: 10.0.3.66 asks\u27e8U+202E\u27e9 ports").waitFor();
    await page.keyboard.press("3");
    await page.locator("nav .count").waitFor({ state: "detached" });
  }));
