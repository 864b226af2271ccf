/**
 * `npm run conformance`: Skein and the real Codex on the same homes, both ways. Installs the peer into a
 * folder of its own under node_modules/.cache; where that can't be done it says SKIPPED and ends well.
 *
 *   --json      print the report as JSON
 *   --require   a run that was skipped ends with 1
 *   --update-fixtures   keeps the home that Codex wrote, and what it read there, under test/fixtures
 *
 * Exit codes: 0 all checks passed or differ as listed (or skipped), 1 something failed, 2 wrong option.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { CODEX_VERSION, installCodex } from "../test/conformance/codex-install.ts";
import { runConformance } from "../test/conformance/conformance-run.ts";

const options = {
  json: { type: "boolean", default: false },
  require: { type: "boolean", default: false },
  "update-fixtures": { type: "boolean", default: false },
} as const;

const FIXTURE_FOLDER = fileURLToPath(new URL(`../test/fixtures/codex-0.130/conformance`, import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({ options });
  const note = (line: string): void => {
    process.stderr.write(`conformance: ${line}\n`);
  };
  const install = await installCodex(note);
  if (install.program === null) {
    note(`SKIPPED, nothing was checked: ${install.skipped}`);
    if (values.json) process.stdout.write(`${JSON.stringify({ skipped: install.skipped })}\n`);
    return values.require ? 1 : 0;
  }
  note(`against codex ${CODEX_VERSION}: ${install.program}`);
  const { program } = install;
  const fixture = values["update-fixtures"] ? { fixtureFolder: FIXTURE_FOLDER } : {};
  const report = await runConformance({ program, note, ...fixture });
  const text = values.json ? JSON.stringify(report.toJSON(), null, 2) : report.toText();
  process.stdout.write(`${text}\n`);
  return report.failed ? 1 : 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`conformance: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = error instanceof TypeError && "code" in error ? 2 : 1;
}
