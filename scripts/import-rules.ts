/**
 * Checks who imports whom: rooms see only the rooms below them and only through their doors (`index.ts`), each
 * package has its home, and no file reaches itself through its imports. Type imports count like any other.
 * The tables below are the architecture; a change of them is a change of the architecture.
 *
 * Own code because dependency-cruiser reads TypeScript through the compiler's API, which TypeScript 7 does not have.
 */
import { isBuiltin } from "node:module";
import { dirname, posix } from "node:path";
import { pathToFileURL } from "node:url";

import { findCircles } from "./import-circles.ts";
import {
  type Finding,
  lineAt,
  projectRoot,
  readSourceFiles,
  reportFindings,
  type SourceFile,
  syntaxFindings,
} from "./source-files.ts";

/** Which rooms each room sees. `index` is the package's face, src/index.ts. */
const ROOM_SEES: Readonly<Record<string, readonly string[]>> = {
  base: [],
  events: ["base"],
  store: ["base", "events"],
  actors: ["base", "events", "store"],
  projections: ["base", "events", "store"],
  streams: ["base", "events", "store"],
  workers: ["base", "events", "store", "projections"],
  // The door of the store on PostgreSQL: it joins the store with the rows that a node keeps of it.
  postgres: ["base", "events", "store", "projections", "workers"],
  testing: ["base", "events", "store", "actors", "streams"],
  runtime: ["base", "events", "store", "actors", "projections", "streams", "workers"],
  server: ["base", "events", "store", "actors", "projections", "streams", "workers", "runtime"],
  // Of server only what the wire is made of: protocol and transports. Of streams: a feed is one thing, here and there.
  client: ["base", "events", "streams", "server"],
  index: ["base", "events", "store", "actors", "projections", "streams", "workers", "runtime", "server"],
  cli: [
    "base",
    "events",
    "store",
    "actors",
    "projections",
    "streams",
    "workers",
    "runtime",
    "server",
    "client",
    "postgres",
    "index",
  ],
};

/** Files that see a room which theirs does not, with the decision that says why. */
const FILE_SEES: Readonly<Record<string, readonly string[]>> = {
  // docs/decisions/0020-one-command-sees-the-kit.md
  "src/cli/commands/check-store-command.ts": ["testing"],
};

/** Folders inside a room that have a door of their own, so that who needs only them loads only them. */
const SUB_ROOMS: readonly string[] = [
  "src/events/folds",
  "src/store/memory",
  "src/store/local",
  "src/store/postgres",
  "src/store/remote",
  "src/server/protocol",
  "src/server/reception",
  "src/server/transports",
];

/** Adapters of one port: none of them is built on another. */
const SIBLINGS: readonly string[] = ["src/store/memory", "src/store/local", "src/store/postgres", "src/store/remote"];

/** Where each package may be imported, as path prefixes. A package that is not here has no home yet. */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  "@bufbuild/protobuf": ["src/store/remote/"],
  "@connectrpc/connect": ["src/store/remote/"],
  "@connectrpc/connect-node": ["src/store/remote/"],
  "better-sqlite3": ["src/projections/"],
  commander: ["src/cli/"],
  "fast-check": ["src/testing/"],
  openai: ["src/actors/"],
  pg: ["src/store/postgres/"],
  pino: ["src/base/"],
  piscina: ["src/workers/"],
  rxjs: ["src/streams/", "src/runtime/", "src/server/", "src/client/", "src/cli/", "src/index.ts"],
  vitest: ["src/testing/"],
  ws: ["src/server/transports/", "src/client/"],
  xstate: ["src/actors/"],
  zod: ["src/events/", "src/store/", "src/server/", "src/runtime/", "src/actors/", "src/cli/"],
};

/** Node's own modules that only some rooms may use; every other one is free, but for the rooms that are pure. */
const BUILTIN_HOMES: Readonly<Record<string, readonly string[]>> = {
  "node:fs": [
    "src/store/local/",
    "src/projections/",
    "src/workers/",
    "src/runtime/",
    "src/server/",
    "src/cli/",
    "src/testing/",
  ],
};
const PURE_ROOMS: ReadonlySet<string> = new Set(["events"]);

/** One import: who, at which offset, and what it names. */
interface ImportEdge {
  readonly from: SourceFile;
  readonly offset: number;
  readonly specifier: string;
}

/** Everything a file imports or re-exports: values, types, `import()` and `import("…").Type`. */
function importsOf(file: SourceFile): ImportEdge[] {
  const { module } = file.parsed;
  const named = [
    ...module.staticImports.map((statement) => statement.moduleRequest),
    ...module.staticExports.flatMap((statement) => statement.entries.flatMap((entry) => entry.moduleRequest ?? [])),
  ].map(({ value, start }) => ({ from: file, offset: start, specifier: value }));
  const called = [...file.text.matchAll(/\bimport\(\s*(["'])([^"']+)\1/g)].map((match) => ({
    from: file,
    offset: match.index,
    specifier: match[2] ?? "",
  }));
  return [...named, ...called];
}

/** The room of a path under src/, or undefined for a path outside. */
function roomOf(path: string): string | undefined {
  const [top, room] = path.split("/");
  if (top !== "src" || room === undefined) return undefined;
  return room === "index.ts" ? "index" : room;
}

/** True if `path` lies in `folder`. */
function isIn(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

/** What is wrong with one file importing another, or undefined. */
function judgeFileImport(from: string, to: string): string | undefined {
  const [fromRoom, toRoom] = [roomOf(from), roomOf(to)];
  if (fromRoom === undefined) return undefined;
  if (toRoom === undefined) return `imports ${to}, which is outside src/`;
  const fromSibling = SIBLINGS.find((folder) => isIn(from, folder));
  const toSibling = SIBLINGS.find((folder) => isIn(to, folder));
  if (fromSibling && toSibling && fromSibling !== toSibling) return `${fromSibling} is built on ${toSibling}`;
  if (fromRoom === toRoom) return undefined;
  const sees = ROOM_SEES[fromRoom];
  if (sees === undefined) return `lies in ${fromRoom}, a room that scripts/import-rules.ts does not know`;
  if (!sees.includes(toRoom) && FILE_SEES[from]?.includes(toRoom) !== true) return `${fromRoom} does not see ${toRoom}`;
  const isDoor = to === "src/index.ts" || to === `src/${toRoom}/index.ts`;
  const isSubDoor = SUB_ROOMS.some((folder) => to === `${folder}/index.ts`);
  return isDoor || isSubDoor ? undefined : `imports ${to}, which is not a door: use src/${toRoom}/index.ts`;
}

/** What is wrong with a file importing a package or one of Node's modules, or undefined. */
function judgePackageImport(from: string, specifier: string): string | undefined {
  const room = roomOf(from);
  if (room === undefined) return undefined;
  const isAtHome = (homes: readonly string[]): boolean => homes.some((home) => from.startsWith(home));
  if (isBuiltin(specifier)) {
    if (!specifier.startsWith("node:")) return `imports "${specifier}" without its "node:"`;
    if (PURE_ROOMS.has(room)) return `${room} is pure: no ${specifier}`;
    const homes = BUILTIN_HOMES[specifier.split("/")[0] ?? ""];
    return homes && !isAtHome(homes) ? `${specifier} is for ${homes.join(", ")}` : undefined;
  }
  const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
  const homes = PACKAGE_HOMES[name];
  if (homes === undefined) return `${name} has no home: give it one in scripts/import-rules.ts`;
  return isAtHome(homes) ? undefined : `${name} lives in ${homes.join(", ")}`;
}

/** Checks all imports of the given files. The paths that imports name must be in `files`. */
export function findImportFindings(files: readonly SourceFile[]): Finding[] {
  const known = new Set(files.map((file) => file.path));
  const graph = new Map<string, string[]>();
  const findings = syntaxFindings(files);
  for (const file of files) {
    const reached: string[] = [];
    for (const { offset, specifier } of importsOf(file)) {
      const isRelative = specifier.startsWith(".");
      const target = posix.join(dirname(file.path), specifier);
      if (isRelative && known.has(target)) reached.push(target);
      const message = isRelative ? judgeFileImport(file.path, target) : judgePackageImport(file.path, specifier);
      if (message) findings.push({ path: file.path, line: lineAt(file.text, offset), message });
    }
    graph.set(file.path, reached);
  }
  const circles = findCircles(graph).map((circle) => ({
    path: circle[0] ?? "",
    line: 1,
    message: `imports itself in a circle: ${[...circle, circle[0]].join(" -> ")}`,
  }));
  return [...findings, ...circles];
}

/** Checks the whole project. */
export function checkImports(root: string): Finding[] {
  return findImportFindings(readSourceFiles(root, ["src", "test", "bench", "scripts", "examples"]));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = reportFindings(checkImports(projectRoot));
}
