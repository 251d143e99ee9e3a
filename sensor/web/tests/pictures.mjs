// The pictures of the documentation: every view of a sensor at work, dark and light.
//
//     cargo xtask demo --stay                                        in another terminal; some minutes later, with a new address of `sensor page`:
//     cd target/web && node tests/pictures.mjs ADDRESS FOLDER
import { join } from "node:path";
import { chromium } from "playwright-core";

import { settled } from "./lab.mjs";

const VIEWS = {
  now: "?range=5m&by=serverport",
  flows: "?view=flows&range=5m&c=protocol+%3D%3D+tcp",
  hits: "?view=hits&range=5m",
  policies: "?view=policies&policy=production_development_traffic",
  sources: "?view=sources&range=5m&lookup=10.0.0.1",
  hunt: "?view=hunt&range=5m&group=srcip,serverport",
};

const [address, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.SENSOR_CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const options = { viewport: { width: 1120, height: 760 }, timezoneId: "UTC" };
const first = await browser.newContext(options);
await (await first.newPage()).goto(address);
const storageState = await first.storageState();
for (const colorScheme of ["dark", "light"]) {
  const context = await browser.newContext({ ...options, colorScheme, storageState });
  const page = await context.newPage();
  for (const [name, search] of Object.entries(VIEWS)) {
    await page.goto(new URL(`/${search}`, address).href);
    await settled(page);
    await page.waitForFunction(() => Number(document.querySelector(".strip")?.dataset.ticks ?? 2) >= 2);
    await page.evaluate(() => document.activeElement?.blur());
    await page.screenshot({ path: join(folder, `console-${name}-${colorScheme}.png`) });
  }
}
await browser.close();
