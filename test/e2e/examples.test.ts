/**
 * The examples run as a stranger would run them: in a project of their own that has the built package, by
 * Node or by vitest, and they print what they promise.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { type DocWorkplace, openDocWorkplace } from "../docs/doc-workplace.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { findPostgres } from "../support/postgres/postgres-programs.ts";
import { workerPostgres } from "../support/postgres/worker-postgres.ts";
import { skeinEnvironment } from "../support/skein-process.ts";

const server = await workerPostgres();
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
    // A name that shells of many projects have set: what it names is left alone.
    const env = skeinEnvironment({ PGBIN: programs.folder, DATABASE_URL: "postgres://app@127.0.0.1:1/theirs" });
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeTypeFlags(), main], {
      env,
      timeout: 100_000,
    });
    expect(stdout).toMatch(
      /^nodes at [\s\S]+\na turn is completed\nthe first node was killed[\s\S]+\na turn is completed\n/,
    );
    expect(stdout).toMatch(/#\d+ Echo: Are you there\?\nno gap, no double\n$/);
  }, 120_000);

  it.skipIf(server.skipped !== null)(
    "two-nodes/ leaves nothing in a database that it is given, also where its nodes don't start",
    async () => {
      const client = new pg.Client({ connectionString: server.url });
      await client.connect();
      try {
        const schemas = async (): Promise<unknown> => (await client.query("SELECT nspname FROM pg_namespace")).rows;
        const before = await schemas();
        const main = join(projectRoot, "examples", "two-nodes", "main.ts");
        // The server of the tests doesn't sync, which a node refuses.
        const run = promisify(execFile)(process.execPath, [...nodeTypeFlags(), main, server.url], {
          env: skeinEnvironment(),
          timeout: 60_000,
        });
        await expect(run).rejects.toMatchObject({
          code: 1,
          stdout: expect.stringMatching(
            /^works in a schema of its own, skein_example_\w+, in the database postgres at \S+\n$/,
          ),
          stderr: expect.stringMatching(/fsync[\s\S]*\na node did not start: what it said is above\n$/),
        });
        expect(await schemas()).toEqual(before);
      } finally {
        await client.end();
      }
    },
    60_000,
  );
});
