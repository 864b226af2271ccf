/**
 * A failure's script does what the law did: for each planted bug it is run as it would be when pasted, on a place
 * that records every call, and the recording is the same script again. Whole tests are pasted into files,
 * type-checked and run.
 */
import { rejects, throws } from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { projectRoot } from "../../scripts/source-files.ts";
import { systemClock } from "../../src/base/index.ts";
import { createCallRecorder } from "../../src/testing/call-recorder.ts";
import {
  checkLaw,
  createManualClock,
  createSettableClock,
  LawBrokenError,
  type LawFailure,
  replayLaw,
  type StoreFixture,
  storeLaws,
} from "../../src/testing/index.ts";
import { failureTestText } from "../../src/testing/failure-test.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { fixtureWithBug } from "./planted-bug.ts";
import { plantedBugs } from "./planted-bugs.ts";

const SEED = 20_260_115;

async function failureOf(id: string, fixture: StoreFixture, shrinks: boolean): Promise<LawFailure> {
  const law = storeLaws.find((candidate) => candidate.id === id);
  if (law === undefined) throw new Error(`no law ${id}`);
  const verdict = await checkLaw(law, fixture, { seed: SEED, shrinks });
  if (verdict.status !== "broken") throw new Error(`${id} is ${verdict.status}`);
  return verdict.failure;
}

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor as FunctionConstructor;

/** Runs a script's body, and tells what it called. */
async function runScript(script: string, fixture: StoreFixture): Promise<string> {
  const recorder = createCallRecorder();
  const given = {
    fixture: recorder.recording(fixture),
    rejects,
    throws,
    systemClock,
    createManualClock,
    createSettableClock,
  };
  const javaScript = stripTypeScriptTypes(`async function body() {\n${script}\n}`);
  const run = AsyncFunction(...Object.keys(given), `${javaScript}\nawait body();`) as (
    ...args: unknown[]
  ) => Promise<void>;
  await run(...Object.values(given));
  return recorder.script().script;
}

/** Without what is said of the store: comments, and what the example held in constants. */
function callsOf(script: string): string {
  return script
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("//"))
    .map((line) => line.replace(/ \/\/ .*$/, ""))
    .join("\n");
}

// The first two change what they were answered, and no call is seen of that; the third spells an id that was
// answered in ways of its own, which stand in its script as they were.
const UNTOLD: ReadonlySet<string> = new Set(["append.no-sharing", "metadata.no-sharing", "bad-input.spellings"]);

describe("the script of", () => {
  for (const bug of plantedBugs) {
    const law = storeLaws.find(({ id }) => id === bug.caughtBy[0]);
    // A feed's own reads, and what a scheduler lets through, come when they come: no script says when.
    const isSteady = law !== undefined && !UNTOLD.has(law.id) && !/^(feed|model|fencing|crash|damage)\./.test(law.id);
    if (!isSteady || bug.base !== undefined || bug.claims !== undefined) continue;
    it(`${bug.name} (${law.id}) does what the law did`, async () => {
      const { script, repeats } = await failureOf(law.id, fixtureWithBug(bug), false);
      expect(repeats).toBe(true);
      expect(callsOf(await runScript(script, fixtureWithBug(bug)))).toBe(callsOf(script));
    });
  }
});

describe("a failure's test", () => {
  const ids = ["append.reads-back", "append.told", "append.atomic", "append.idempotent-long", "append.concurrent"];
  const folder = mkdtempSync(join(tmpdir(), "skein-pasted-"));
  const runners: (readonly [node: string, here: string])[] = [];
  const pasted = ids.map((id) => ({ id, file: join(folder, `${id}.ts`) }));

  beforeAll(async () => {
    for (const { id, file } of pasted) {
      const bug = plantedBugs.find(({ caughtBy }) => caughtBy.includes(id));
      const failure = await failureOf(id, fixtureWithBug(bug), true);
      const test = failureTestText(failure, "node:test")
        .replace('"skein/testing"', `"${join(projectRoot, "src/testing/index.ts")}"`)
        .replace('"skein"', `"${join(projectRoot, "src/index.ts")}"`);
      runners.push([test, failureTestText(failure)]);
      const planted = join(projectRoot, "test/testing");
      const fixture = [
        `import { fixtureWithBug } from "${planted}/planted-bug.ts";`,
        `import { plantedBugs } from "${planted}/planted-bugs.ts";`,
        `const fixture = fixtureWithBug(plantedBugs.find((bug) => bug.name === ${JSON.stringify(bug?.name)}));`,
      ];
      writeFileSync(file, [...fixture, test].join("\n"));
    }
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it("imports the runner that runs, or the one that is asked for", () => {
    expect(runners).toHaveLength(ids.length);
    for (const [node, here] of runners) {
      expect(node).toContain('import { it } from "node:test";');
      expect(here).toContain('import { it } from "vitest";');
    }
  });

  it("type-checks where it is pasted", async () => {
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: {
          module: "nodenext",
          target: "es2023",
          lib: ["es2024", "esnext.disposable", "esnext.iterator"],
          strict: true,
          noUncheckedIndexedAccess: true,
          allowImportingTsExtensions: true,
          skipLibCheck: true,
          resolveJsonModule: true,
          typeRoots: [join(projectRoot, "node_modules/@types")],
          types: ["node"],
          noEmit: true,
        },
        files: pasted.map(({ file }) => file),
      }),
    );
    const { output, exitCode } = await run([join(projectRoot, "node_modules/typescript/bin/tsc"), "-p", folder]);
    expect(output).toBe("");
    expect(exitCode).toBe(0);
  });

  // Two are enough to see that a file runs; what all of them call is looked at above.
  it.each(pasted.slice(0, 2))("of $id fails by the law until the store is mended", async ({ id, file }) => {
    const { output, exitCode } = await run([...nodeTypeFlags(), "--test", file]);
    expect(output).toContain(`LawBrokenError`);
    expect(output).toContain(`${id}: not so: `);
    expect(exitCode).toBe(1);
  });

  it("passes where the store keeps the law", async () => {
    const bug = plantedBugs.find(({ caughtBy }) => caughtBy.includes("append.reads-back"));
    const { lawId, seed, path } = await failureOf("append.reads-back", fixtureWithBug(bug), true);
    await expect(replayLaw(lawId, fixtureWithBug(), { seed, path })).resolves.toBeUndefined();
    await expect(replayLaw(lawId, fixtureWithBug(bug), { seed, path })).rejects.toThrow(LawBrokenError);
  });

  it("tries one example, and no other", async () => {
    const bug = plantedBugs.find(({ caughtBy }) => caughtBy.includes("append.reads-back"));
    const { lawId, seed, path } = await failureOf("append.reads-back", fixtureWithBug(bug), true);
    let places = 0;
    const counted: StoreFixture = async () => {
      places += 1;
      return fixtureWithBug()();
    };
    await replayLaw(lawId, counted, { seed, path });
    // One is asked for its claims.
    expect(places).toBe(2);
  });

  it("refuses a law that is none, and one that says nothing of the store", async () => {
    await expect(replayLaw("no.such-law", fixtureWithBug())).rejects.toMatchObject({ code: "invalid_argument" });
    const replayed = replayLaw("append.idempotent-reopened", fixtureWithBug(), { capabilities: { reopen: false } });
    await expect(replayed).rejects.toMatchObject({ code: "unsupported" });
  });
});

/** Runs Node to its end, at most a minute. */
async function run(args: readonly string[]): Promise<{ readonly output: string; readonly exitCode: number | null }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(process.execPath, args, { env, timeout: 60_000 });
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { output: Buffer.concat(chunks).toString("utf8"), exitCode };
}
