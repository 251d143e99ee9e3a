// Bundles the page: `node build.mjs DIRECTORY`. Names hold a hash of the content, so that browsers may keep the files
// for ever; nothing of the machine, the time or the paths is in them, so that two builds are the same to the byte.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [out] = process.argv.slice(2);
if (!out) throw new Error("say where to: node build.mjs DIRECTORY");

const { outputFiles } = await build({
  entryPoints: [{ in: "src/main.ts", out: "app" }, { in: "src/app.css", out: "app" }],
  bundle: true,
  minify: true,
  write: false,
  outdir: "out",
  format: "esm",
  target: ["chrome120", "firefox121", "safari17"],
  legalComments: "none",
  charset: "utf8",
  preserveSymlinks: true,
  logLevel: "warning",
});

mkdirSync(out, { recursive: true });
const names = new Map();
const keep = (name, contents) => {
  const hash = createHash("sha256").update(contents).digest("hex").slice(0, 12);
  const [, stem, ending] = /^(.+)\.(\w+)$/.exec(name);
  names.set(name, `${stem}-${hash}.${ending}`);
  writeFileSync(join(out, names.get(name)), contents);
};
for (const { path, contents } of outputFiles) keep(path.replace(/^.*[\\/]/, ""), contents);
keep("icon.svg", readFileSync("src/icon.svg"));
const { dependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const licence = (name) => `${name} ${dependencies[name]}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`;
keep("licences.txt", Object.keys(dependencies).map(licence).join("\n\n"));
const index = readFileSync("src/index.html", "utf8").replace(/\{([\w.]+)\}/g, (_, name) => {
  if (!names.has(name)) throw new Error(`index.html names ${name}, which is not built`);
  return names.get(name);
});
writeFileSync(join(out, "index.html"), index);
