/**
 * Puts into docs/TESTING.md what its worked example prints, so that the page shows a real failure. The example is
 * run as a reader would run it, on the built package. `--check` writes nothing and exits with 1 when the page differs.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { readDocPrograms } from "../test/docs/doc-blocks.ts";
import { type DocWorkplace, openDocWorkplace } from "../test/docs/doc-workplace.ts";
import { ensureBuilt } from "./build.ts";
import { projectRoot } from "./source-files.ts";

const PAGE = "docs/TESTING.md";
const PRINTED = /(<!-- printed: [^\n]*-->\n)[\s\S]*?(\n<!-- \/printed -->)/;

/** The page as it should be. Rejects when the example doesn't run. */
export async function testingPage(workplace: DocWorkplace): Promise<{ readonly now: string; readonly wanted: string }> {
  const example = readDocPrograms(projectRoot, PAGE).find(({ code }) => code.includes("function insertRowByRow"));
  if (example === undefined) throw new Error(`${PAGE} has no worked example`);
  const { exitCode, output } = await workplace.run(example);
  if (exitCode !== 0) throw new Error(`the worked example of ${PAGE} ended with ${exitCode}:\n${output}`);
  const now = readFileSync(join(projectRoot, PAGE), "utf8");
  // A fence of four, in case that the output has one of three.
  const block = `\n\`\`\`\`text\n${output.trimEnd()}\n\`\`\`\`\n`;
  return { now, wanted: now.replace(PRINTED, (_, begin: string, end: string) => `${begin}${block}${end}`) };
}

async function main(isChecking: boolean): Promise<number> {
  await ensureBuilt(projectRoot);
  const workplace = openDocWorkplace(projectRoot);
  try {
    const { now, wanted } = await testingPage(workplace);
    if (now === wanted) return 0;
    if (isChecking) console.error(`${PAGE} is not up to date: run \`node scripts/testing-page.ts\``);
    else writeFileSync(join(projectRoot, PAGE), wanted);
    return isChecking ? 1 : 0;
  } finally {
    workplace.close();
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.exitCode = await main(process.argv.includes("--check"));
}
