/**
 * `npm run conformance`: Skein and the real Codex on the same homes, both ways; the app-server beside the peer's;
 * and clients that others wrote, driving ours. Installs what others wrote into folders of their own under
 * node_modules/.cache; where that can't be done it says SKIPPED and ends well.
 *
 *   --json      print the report as JSON
 *   --require   a run that was skipped ends with 1
 *   --only PART   one part: "app-server", "clients", "torn tails", "Skein's home", "Codex's home"
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
  only: { type: "string" },
  "update-fixtures": { type: "boolean", default: false },
} as const;

const FIXTURE_FOLDER = fileURLToPath(new URL(`../test/fixtures/codex-0.130/conformance`, import.meta.url));

type Options = ReturnType<typeof parseArgs<{ options: typeof options }>>["values"];

function say(line: string): void {
  process.stderr.write(`conformance: ${line}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseOptions(): Options | null {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return null;
  }
}

async function main(values: Options): Promise<number> {
  const install = await installCodex(say);
  if (install.program === null) {
    say(`SKIPPED, nothing was checked: ${install.skipped}`);
    if (values.json) process.stdout.write(`${JSON.stringify({ skipped: install.skipped })}\n`);
    return values.require ? 1 : 0;
  }
  const { program } = install;
  say(`against codex ${CODEX_VERSION}: ${program}`);
  const fixture = values["update-fixtures"] ? { fixtureFolder: FIXTURE_FOLDER } : {};
  const report = await runConformance({
    program,
    note: say,
    ...fixture,
    ...(values.only === undefined ? {} : { only: values.only }),
  });
  const text = values.json ? JSON.stringify(report.toJSON(), null, 2) : report.toText();
  process.stdout.write(`${text}\n`);
  return report.failed ? 1 : 0;
}

const values = parseOptions();
process.exitCode = values === null ? 2 : await main(values);
