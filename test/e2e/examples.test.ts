/**
 * The examples run as a stranger would run them: in a project of their own that has the built package, by
 * Node or by vitest, and they print what they promise.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { type DocWorkplace, openDocWorkplace } from "../docs/doc-workplace.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { findPostgres } from "../support/postgres/postgres-programs.ts";
import { skeinEnvironment } from "../support/skein-process.ts";

let workplace: DocWorkplace;
beforeAll(async () => {
  await ensureBuilt(projectRoot);
  workplace = openDocWorkplace(projectRoot);
}, 120_000);
afterAll(() => workplace.close());

describe("the examples", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      "embed.ts",
      /^completed \[ 'userMessage', 'agentMessage' \]\nthe fork begins with 1 turn\nturns left: 1 records: \d+\nrefused: .*\n/,
    ],
    ["subscribe.ts", /^#0 session_meta\n[\s\S]+ {2}~ Echo: [\s\S]+over all threads: .*turn_started, .*turn_completed/],
    ["remote-client.ts", /^(?=[\s\S]*the turn is completed)(?=[\s\S]*#\d+ agent_message\n)[\s\S]*#\d+ task_complete\n/],
    ["serve-agent.ts", /^served at ws:\/\/127\.0\.0\.1:\d+\nHEAR ME\ncompleted\n/],
    ["test-a-store.ts", /Tests +\d+ passed/],
  ];
  it.each(cases)("%s runs and prints what it promises", { timeout: 60_000 }, async (name, printed) => {
    const code = readFileSync(join(projectRoot, "examples", name), "utf8");
    const { exitCode, output } = await workplace.run({
      page: `examples/${name}`,
      line: 1,
      language: "ts",
      isRun: true,
      code,
    });
    expect(exitCode, output).toBe(0);
    expect(output).toMatch(printed);
  });

  it("two-nodes/ runs on a PostgreSQL that it starts itself, and goes on when a node is killed", async () => {
    const { programs, skipped } = await findPostgres(() => {});
    if (programs === null) return void process.stderr.write(`two-nodes was not run: ${skipped}\n`);
    const main = join(projectRoot, "examples", "two-nodes", "main.ts");
    const { DATABASE_URL: _, ...env } = skeinEnvironment({ PGBIN: programs.folder });
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeTypeFlags(), main], {
      env,
      timeout: 100_000,
    });
    expect(stdout).toMatch(
      /^nodes at [\s\S]+\na turn is completed\nthe first node was killed[\s\S]+\na turn is completed\n/,
    );
    expect(stdout).toMatch(/#\d+ Echo: Are you there\?\nno gap, no double\n$/);
  }, 120_000);
});
