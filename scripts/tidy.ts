/**
 * Checks the project's own style rules in every file: names, openings, exports, ports, state, pointers to nowhere,
 * and a docstring on each name that the package exports. `npm run tidy` runs it, and so does an ordinary test.
 * It prints one line a finding and exits with 1 if there is any; it changes nothing.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";

import { findUndocumentedExports } from "./documented-exports.ts";
import {
  type Finding,
  listFiles,
  projectRoot,
  readSourceFiles,
  reportFindings,
  syntaxFindings,
} from "./source-files.ts";
import {
  checkExports,
  checkFileName,
  checkMentions,
  checkOpening,
  checkPorts,
  checkState,
  checkWaivers,
  type TidyRule,
} from "./tidy-rules.ts";

const CODE_FOLDERS = ["src", "test", "bench", "scripts", "examples", "bin"];
const TEXT_FOLDERS = [...CODE_FOLDERS, "docs", ".ci"];
const TEXT_ENDINGS = new Set([".ts", ".mjs", ".js", ".md", ".json", ".sh", ""]);
const RULES: readonly TidyRule[] = [checkOpening, checkExports, checkWaivers, checkPorts, checkState];
const DOORS = [
  "src/index.ts",
  "src/client/index.ts",
  "src/server/index.ts",
  "src/testing/index.ts",
  "src/postgres/index.ts",
  "src/store/remote/index.ts",
];

/** Code that a generator wrote (scripts/proto.ts): its style is the generator's. */
const GENERATED = "src/store/remote/gen/";

/** Files whose job is to name what others may not: the rules themselves and their tests. */
const RULE_FILES = new Set(["scripts/tidy-rules.ts", "test/scripts/tidy.test.ts"]);

/** Paths of the text files that lie in the project's own folder, like README.md. */
function rootTextFiles(root: string): string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== "package-lock.json" && TEXT_ENDINGS.has(extname(entry.name)))
    .map((entry) => entry.name);
}

/** All findings in the project. */
export function checkTidiness(root: string): Finding[] {
  const code = readSourceFiles(root, CODE_FOLDERS).filter(({ path }) => !path.startsWith(GENERATED));
  const codePaths = CODE_FOLDERS.flatMap((folder) => listFiles(root, folder)).filter(
    (path) => /\.(ts|mjs)$/.test(path) && !path.startsWith(GENERATED),
  );
  const textPaths = [...TEXT_FOLDERS.flatMap((folder) => listFiles(root, folder)), ...rootTextFiles(root)];
  return [
    ...syntaxFindings(code),
    ...codePaths.flatMap(checkFileName),
    ...code.flatMap((file) => RULES.flatMap((rule) => rule(file))),
    ...textPaths
      .filter((path) => TEXT_ENDINGS.has(extname(path)) && !RULE_FILES.has(path))
      .flatMap((path) => checkMentions(path, readFileSync(join(root, path), "utf8"))),
    ...DOORS.filter((door) => existsSync(join(root, door))).flatMap((door) => findUndocumentedExports(code, door)),
  ];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = reportFindings(checkTidiness(projectRoot));
}
