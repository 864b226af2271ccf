/**
 * A node of a database that has a name of its own: killed and started again it goes on with its threads at once, and
 * commands beside it don't wait for the rows that it keeps in their home.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { startPostgres } from "../support/postgres/postgres-server.ts";
import { workerPostgres } from "../support/postgres/worker-postgres.ts";
import { runSkein, startSkein } from "../support/skein-process.ts";

const postgres = await workerPostgres();

describe.skipIf(postgres.skipped !== null)("skein serve-store --node-id", { timeout: 180_000 }, () => {
  test("has its threads back at once when it was killed and started again", async () => {
    const server = await startPostgres({ fsync: true, copyOf: postgres.template });
    onTestFinished(() => server.stop());
    const home = mkdtempSync(join(tmpdir(), "skein-named-node-"));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const chat = (url: string, text: string, thread: readonly string[] = []): ReturnType<typeof runSkein> =>
      runSkein(["--store", `remote:${url}`, "chat", ...thread], { cwd: home, input: `${text}\n` });

    const first = await serveStore(home, server.url, ["--node-id", "a"]);
    expect((await chat(first.url, "one")).stdout).toContain("Echo: one");
    // A chat that ends lets its writer go; one that goes on is what a killed node leaves behind.
    const held = startSkein(["--store", `remote:${first.url}`, "chat", "--last"], { cwd: home });
    onTestFinished(() => void held.kill("SIGKILL"));
    held.stdin?.write("two\n");
    await says(held, "Echo: two");
    const beside = await runSkein(["--home", home, "--store", server.url, "list"], { cwd: home });
    expect(beside.stdout).toContain("one");
    expect(beside.stderr).toMatch(/^the rows in .* can't be used \(another process has them open\).*\n$/);
    await kill(first.child);
    held.kill("SIGKILL");

    const again = await serveStore(home, server.url, ["--node-id", "a"]);
    expect((await chat(again.url, "three", ["--last"])).stdout).toContain("Echo: three");
    const nothing = await runSkein(["--store", server.url, "search", "haystack"], { cwd: home });
    expect(nothing.stderr).toMatch(/^nothing holds "haystack" here \(postgres:\/\/127\.0\.0\.1:\d+\/postgres\)\n$/);
  });
});

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
}

async function serveStore(home: string, database: string, args: readonly string[]): Promise<Served> {
  const place = ["--home", home, "--store", database, "--json"];
  const child = startSkein([...place, "serve-store", "--listen", "127.0.0.1:0", ...args], { cwd: home });
  onTestFinished(() => kill(child));
  const said = await says(child, "\n");
  const { listening, kind, durability } = JSON.parse(said.split("\n")[0] ?? "") as {
    readonly listening: string;
    readonly kind: string;
    readonly durability: unknown;
  };
  const expected = { kind: "postgres", durability: { acknowledged: "fsync", scope: "local", standbys: 0 } };
  expect({ kind, durability }).toMatchObject(expected);
  return { child, url: listening };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

/** What a process has written to its standard output once that holds this. Rejects when it ends before. */
async function says(child: ChildProcess, text: string): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error("the command has no output");
  let said = "";
  for await (const part of stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    said += part.toString("utf8");
    if (said.includes(text)) {
      stdout.resume();
      return said;
    }
  }
  throw new Error(`the command ended before it said ${JSON.stringify(text)}: ${said}`);
}
