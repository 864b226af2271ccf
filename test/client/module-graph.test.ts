/**
 * What loading `skein/client` loads: a program that only connects must not pay for the runtime, its database or its
 * workers. Read from the sources, so that it holds for whoever bundles the client as well.
 */
import { isBuiltin } from "node:module";
import { dirname, posix } from "node:path";

import { expect, test } from "vitest";

import { projectRoot, readSourceFiles } from "../../scripts/source-files.ts";

/** All files and packages that a file loads, at once or when they are needed. Types are not loaded. */
function reachedFrom(door: string): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const sources = new Map(readSourceFiles(projectRoot, ["src"]).map((file) => [file.path, file]));
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (path: string): void => {
    const file = sources.get(path);
    if (file === undefined || files.has(path)) return;
    files.add(path);
    const { staticImports, staticExports } = file.parsed.module;
    const loaded = [
      ...[...file.text.matchAll(/\bimport\("([^"]+)"\)/g)].map(([, name = ""]) => name),
      ...staticImports
        .filter(({ entries }) => entries.length === 0 || entries.some((entry) => !entry.isType))
        .map(({ moduleRequest }) => moduleRequest.value),
      ...staticExports.flatMap(({ entries }) =>
        entries.flatMap((entry) => (entry.moduleRequest && !entry.isType ? [entry.moduleRequest.value] : [])),
      ),
    ];
    for (const name of loaded) {
      if (name.startsWith(".")) visit(posix.join(dirname(path), name));
      else if (!isBuiltin(name)) packages.add(name);
    }
  };
  visit(door);
  return { files, packages };
}

test("the client loads the wire and the feeds, and neither the runtime nor a database", () => {
  const { files, packages } = reachedFrom("src/client/index.ts");
  const rooms = new Set(
    [...files].map((path) =>
      path
        .split("/")
        .slice(0, path.startsWith("src/server/") ? 3 : 2)
        .join("/"),
    ),
  );
  expect([...rooms].toSorted()).toEqual([
    "src/base",
    "src/client",
    "src/server/protocol",
    "src/server/transports",
    "src/streams",
  ]);
  expect([...packages].toSorted()).toEqual(["pino", "rxjs", "ws", "zod"]);
});

test("the same look finds the database where it is loaded", () => {
  expect(reachedFrom("src/index.ts").packages).toContain("better-sqlite3");
});
