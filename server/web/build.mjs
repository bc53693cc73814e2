// Builds dist/: two pages and their assets, each asset named by the hash of its bytes so that it may be cached for good.
//
//   node build.mjs            minified, with .br and .gz twins for a server that hands them out
//   node build.mjs --watch    rebuilt on every change, with source maps

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { build, context } from "esbuild";

const root = dirname(fileURLToPath(import.meta.url));
const finished = join(root, "dist");
const scratch = join(root, "node_modules", `.pages-${process.pid}`);
const watching = process.argv.includes("--watch");
const out = watching ? finished : scratch;

/** One page of the site: its template, and the entry point whose script and style sheet it loads. */
const pages = [
  { template: "pages/index.html", entry: "src/library/main.ts", file: "index.html" },
  { template: "pages/watch.html", entry: "src/watch/main.ts", file: "watch.html" },
];

async function hashed(source, name) {
  const bytes = await readFile(join(root, source));
  const digest = createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
  const suffix = extname(name);
  const asset = `assets/${name.slice(0, -suffix.length)}-${digest}${suffix}`;
  await mkdir(join(out, "assets"), { recursive: true });
  await writeFile(join(out, asset), bytes);
  return `/${asset}`;
}

function outputsOf(metafile, entry) {
  const found = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entry);
  if (found === undefined) throw new Error(`esbuild made nothing for ${entry}`);
  const [script, { cssBundle: style, imports }] = found;
  const url = (path) => `/${relative(out, join(root, path))}`;
  const preloads = imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => url(path));
  return { script: url(script), style: url(style), preloads };
}

async function writePages(metafile, icon) {
  const wordmark = await readFile(join(root, "src/brand/wordmark.svg"), "utf8");
  for (const page of pages) {
    const { script, style, preloads } = outputsOf(metafile, page.entry);
    const links = [
      `<link rel="icon" href="${icon}" type="image/svg+xml">`,
      `<link rel="stylesheet" href="${style}">`,
      ...preloads.map((path) => `<link rel="modulepreload" href="${path}">`),
      `<script type="module" src="${script}"></script>`,
    ];
    const template = await readFile(join(root, page.template), "utf8");
    const whole = template
      .replace("<!-- assets -->", () => links.join("\n    "))
      .replace("<!-- wordmark -->", () => wordmark.trim());
    await writeFile(join(out, page.file), whole);
  }
}

async function compressAssets() {
  const folder = join(out, "assets");
  const best = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
  for (const name of await readdir(folder)) {
    const bytes = await readFile(join(folder, name));
    if (bytes.length < 1024) continue;
    await writeFile(join(folder, `${name}.br`), await promisify(brotliCompress)(bytes, best));
    await writeFile(join(folder, `${name}.gz`), await promisify(gzip)(bytes, { level: 9 }));
  }
}

async function options() {
  await rm(out, { recursive: true, force: true });
  const icon = await hashed("src/brand/mark.svg", "mark.svg");
  const worker = await hashed("node_modules/hls.js/dist/hls.worker.js", "hls.worker.js");
  return {
    absWorkingDir: root,
    entryPoints: { library: pages[0].entry, watch: pages[1].entry },
    outdir: out,
    entryNames: "assets/[name]-[hash]",
    chunkNames: "assets/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["chrome110", "firefox115", "safari16.4"],
    minify: !watching,
    sourcemap: watching ? "inline" : false,
    legalComments: "none",
    metafile: true,
    define: { HLS_WORKER_URL: JSON.stringify(worker) },
    plugins: [
      {
        name: "pages",
        setup(plugin) {
          plugin.onEnd(async ({ errors, metafile }) => {
            if (errors.length === 0) await writePages(metafile, icon);
          });
        },
      },
    ],
  };
}

if (watching) {
  const session = await context({ ...(await options()), logLevel: "info" });
  await session.watch();
} else {
  try {
    await build(await options());
    await compressAssets();
    await cp(join(root, "node_modules/hls.js/LICENSE"), join(out, "assets/hls.js-LICENSE.txt"));
    // A page is never half there: the finished folder takes the place of the old one.
    await rm(finished, { recursive: true, force: true });
    await rename(scratch, finished);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
