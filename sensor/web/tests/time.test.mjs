// Zooming, moving, pausing, reloading, and one clock for all zones.
import assert from "node:assert/strict";
import { test } from "node:test";

import { api, parameter, query, settled, surroundings, visit, ZONES } from "./lab.mjs";
import { HITS, NOW } from "./mock/data.mjs";

const around = surroundings();
const FROM = NOW - 3_600_000;
const HOUR = `range=${FROM}-${NOW}`;

async function brush(page, from, to) {
  const box = await page.locator(".plot .u-over").boundingBox();
  const y = box.y + box.height / 2;
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * to, y, { steps: 8 });
  await page.mouse.up();
}

test("dragging on the chart zooms, every panel follows, a double click goes back", () =>
  visit(around, `?${HOUR}`, async (page) => {
    const before = await page.locator("[data-panel=series] .rests").textContent();
    await brush(page, 0.4, 0.6);
    await page.waitForFunction((hour) => !location.search.includes(hour), HOUR);
    const [from, to] = query(page).get("range").split("-").map(Number);
    const near = (value, part) => Math.abs(value - (FROM + 3_600_000 * part)) < 90_000;
    assert.ok(near(from, 0.4) && near(to, 0.6), `${from - FROM} ${to - FROM}`);
    await settled(page);
    const { rows } = await api(page, "/top", { q: "", from_ms: from, to_ms: to, by: ["srcip"], metric: "octets", limit: 8 });
    await page.waitForFunction((first) => document.querySelector("[data-field=srcip] tbody .value").textContent === first, rows[0].key[0]);
    await page.locator("nav").getByRole("link", { name: "Flows" }).click();
    await settled(page);
    const times = await page.locator(".grid tbody td:first-child .value").evaluateAll((cells) => cells.map((cell) => Date.parse(cell.title.replace(" UTC", "Z").replace(" ", "T"))));
    assert.ok(times.length > 20 && times.every((at) => at >= from && at < to + 1));
    await page.goBack();
    await settled(page);
    await page.locator(".plot .u-over").dblclick();
    await parameter(page, "range", HOUR.slice(6));
    await page.waitForFunction((text) => document.querySelector("[data-panel=series] .rests").textContent === text, before);
  }));

test("the chart is used by keys as well", () =>
  visit(around, `?${HOUR}`, async (page) => {
    await page.locator(".plot").focus();
    for (let step = 0; step < 5; step += 1) await page.keyboard.press("Shift+ArrowLeft");
    await page.keyboard.press("Enter");
    await page.waitForFunction((hour) => !location.search.includes(hour), HOUR);
    const [from, to] = query(page).get("range").split("-").map(Number);
    assert.ok(to - from > 60_000 && to - from < 600_000 && to <= NOW + 60_000, `${from} ${to}`);
    await settled(page);
    await page.locator(".plot").focus();
    await page.keyboard.press("Backspace");
    await parameter(page, "range", HOUR.slice(6));
  }));

test("the table twin has the chart's own numbers", () =>
  visit(around, `?${HOUR}&by=protocol`, async (page) => {
    await page.getByRole("checkbox", { name: "table" }).check();
    await page.locator(".chart .tall table").waitFor();
    const { t, series } = await api(page, "/series", { q: "", from_ms: FROM, to_ms: NOW, points: 120, unit: "bps", by: ["protocol"], limit: 7, rank: "avg", bidirectional: false, previous: false });
    assert.deepEqual(await page.locator(".tall thead th").allTextContents(), ["time", ...series.map(({ key }) => key[0])]);
    assert.equal(await page.locator(".tall tbody tr").count(), t.length);
    const peak = series[0].v.indexOf(series[0].stat.max);
    const said = await page.locator(".tall tbody tr").nth(peak).locator("td").first().textContent();
    const summary = await page.locator("figcaption").textContent();
    assert.ok(summary.includes(`at most ${said}`), `${summary} / ${said}`);
  }));

test("grouped, both ways and with the period before: a line for each, and the reverse below zero", () =>
  visit(around, `?${HOUR}&by=protocol&both=1&previous=1`, async (page) => {
    const names = await page.locator(".legend tbody th").allTextContents();
    assert.deepEqual(names.slice(0, 4), ["tcp", "udp", "tcp (back)", "udp (back)"]);
    assert.match(names[4], /\(before\)/);
  }));

test("pause keeps the moment, over a reload as well, and live goes on", () =>
  visit(around, "?range=5m", async (page) => {
    await page.waitForFunction(() => Number(document.querySelector(".strip").dataset.ticks) >= 2);
    await page.getByRole("button", { name: "Live" }).click();
    await page.getByRole("button", { name: "Paused" }).waitFor();
    await settled(page);
    const at = query(page).get("at");
    assert.ok(Number(at) >= NOW);
    const [ticks, asked] = [await page.locator(".strip").getAttribute("data-ticks"), []];
    page.on("request", (request) => asked.push(request.url()));
    // Two further ticks come from the server; the page shows none of them.
    await page.evaluate(() => new Promise((resolve) => {
      let count = 0;
      new EventSource("/api/v1/events?topics=tick").addEventListener("tick", function () {
        if (++count > 2) resolve(this.close());
      });
    }));
    assert.equal(await page.locator(".strip").getAttribute("data-ticks"), ticks);
    assert.equal(asked.filter((url) => /\/(series|top)$/.test(url)).length, 0);
    await page.reload();
    await settled(page);
    assert.equal(query(page).get("at"), at);
    await page.getByRole("button", { name: "Paused" }).click();
    await page.getByRole("button", { name: "Live" }).waitFor();
    assert.equal(query(page).has("at"), false);
    await page.waitForFunction(() => Number(document.querySelector(".strip").dataset.ticks) >= 1);
    const again = page.waitForRequest((request) => request.url().endsWith("/series"));
    await again;
  }));

test("a live answer is asked again with a later end", () =>
  visit(around, "?range=5m", async (page) => {
    const ends = [];
    page.on("request", (request) => request.url().endsWith("/series") && ends.push(request.postDataJSON().to_ms));
    await page.waitForRequest((request) => request.url().endsWith("/series"));
    await page.waitForRequest((request) => request.url().endsWith("/series"));
    assert.ok(ends[1] > ends[0] && ends[0] > NOW, String(ends));
  }));

test("arrows go one period back and forward, keys too; from and to are entered in local time", () =>
  visit(around, `?view=flows&${HOUR}`, async (page) => {
    await page.getByRole("button", { name: "One period back" }).click();
    await parameter(page, "range", `${FROM - 3_600_000}-${FROM}`);
    await page.locator("h2").first().click();
    await page.keyboard.press("]");
    await parameter(page, "range", `${FROM}-${NOW}`);
    await page.locator(".absolute").click();
    await page.getByLabel("from", { exact: true }).fill("2026-03-02T15:00:00");
    await page.getByLabel("to", { exact: true }).fill("2026-03-02T15:10:00");
    await page.getByRole("button", { name: "Apply" }).click();
    const from = Date.UTC(2026, 2, 2, 9, 30);
    await parameter(page, "range", `${from}-${from + 600_000}`);
  }, { zone: "Asia/Kolkata" }));

for (const zone of ZONES) {
  test(`a hit leads to its flows in the same window, in ${zone}`, () =>
    visit(around, "?view=hits&range=60m", async (page) => {
      const hit = HITS.find(({ id }) => id === "h2");
      await page.getByRole("button", { name: /^high port_scan/ }).click();
      await page.locator("[data-hit=h2]").waitFor();
      const row = page.locator("tbody tr.selected");
      const local = zone === "UTC" ? "09:48:00" : "15:18:00";
      assert.ok((await row.textContent()).includes(local), await row.textContent());
      assert.equal(await row.locator("time").first().getAttribute("title"), "2026-03-02 09:48:00 UTC");
      await page.getByRole("button", { name: "Show its flows" }).click();
      await parameter(page, "q", hit.q);
      const [from, to] = query(page).get("range").split("-").map(Number);
      assert.deepEqual([from, to], [hit.start_ms - 60_000, hit.end_ms + 60_000]);
      await settled(page);
      const { matched } = await api(page, "/flows", { q: hit.q, from_ms: from, to_ms: to, columns: ["srcip"], limit: 1 });
      assert.equal(await page.locator(".grid tbody tr").count(), matched);
      assert.ok(matched > 5);
      await page.goBack();
      await page.locator("[data-hit=h2]").waitFor();
    }, { zone }));
}

test("back and forward go through the views, and a reload shows the same", () =>
  visit(around, "", async (page) => {
    for (const [key, view] of [["2", "flows"], ["3", "hits"], ["4", "policies"], ["5", "sources"], ["6", "hunt"]]) {
      await page.keyboard.press(key);
      await parameter(page, "view", view);
    }
    await page.goBack();
    await parameter(page, "view", "sources");
    await page.reload();
    await page.locator("main[data-view=sources]").waitFor();
    await page.goForward();
    await page.locator("main[data-view=hunt]").waitFor();
  }));
