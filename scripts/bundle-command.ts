/**
 * The command in few files: what `skein` loads, its own modules and its pure dependencies, as one file for what
 * is loaded first and one for each part that is loaded when it is needed. Nine hundred modules cost a start of
 * 0.3 CPU seconds, these a third of it. The package's own exports stay as tsc makes them.
 *
 * Workers are entries of their own and lie beside the rest, where their starters look for them. What has native
 * code, or is loaded late and large, is left to node_modules. Licences of what is taken in are written beside it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type RolldownOutput, rolldown } from "rolldown";

/** Modules that are started by their file: the command itself, and threads and processes of its own. */
const ENTRIES = ["cli/main", "cli/demo/demo-child", "workers/fold-worker", "workers/watch-worker"];
/** Left to node_modules. */
const OUTSIDE = [
  /^node:/,
  /^(@bufbuild\/protobuf|@connectrpc\/connect|@connectrpc\/connect-node|better-sqlite3|fast-check|openai|pg|pino|piscina|vitest)($|\/)/,
];

/** Writes `command/` into a dist folder that tsc made. */
export async function bundleCommand(root: string, dist: string): Promise<void> {
  const input = Object.fromEntries(
    ENTRIES.map((entry) => [entry.slice(entry.lastIndexOf("/") + 1), join(dist, `${entry}.js`)]),
  );
  const bundle = await rolldown({ input, platform: "node", external: OUTSIDE, treeshake: true });
  const folder = join(dist, "command");
  const made = await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "[name].js",
    // Without a hash: a command that runs while a new one is built finds what it loads late.
    chunkFileNames: "[name].js",
    sourcemap: false,
  });
  await bundle.close();
  writeFileSync(join(folder, "THIRD-PARTY-LICENSES.txt"), licences(root, packagesIn(made)));
}

/** Names of the packages whose modules were taken in. */
function packagesIn({ output }: RolldownOutput): readonly string[] {
  const modules = output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
  const names = modules.map((id) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(id)?.[1]);
  return [...new Set(names.filter((name) => name !== undefined))].toSorted();
}

function licences(root: string, packages: readonly string[]): string {
  const texts = packages.map((name) => {
    const folder = join(root, "node_modules", name);
    const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
      string,
      unknown
    >;
    const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
    if (file === undefined) throw new Error(`${name} is bundled and has no licence file: leave it to node_modules`);
    return `${name} ${String(version)} (${String(license)})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
  });
  return `The files beside this one contain these packages.\n\n${texts.join("\n----\n\n")}`;
}
