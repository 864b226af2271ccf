/**
 * `skein serve --store postgres://…` as two nodes of one database, which ask each other's clients for a token: what a
 * client of one is granted by the other, and how the threads of a killed one go on, with the lease as it is by default.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { sleep, systemClock } from "../../src/base/index.ts";
import { connectClient, type SkeinClient } from "../../src/client/index.ts";
import { startPostgres } from "../support/postgres/postgres-server.ts";
import { workerPostgres } from "../support/postgres/worker-postgres.ts";
import { runSkein, startSkein } from "../support/skein-process.ts";

const postgres = await workerPostgres();
const SKEIN_TOKEN = "of-all-nodes";

interface Node {
  readonly address: string;
  readonly child: ChildProcess;
}

function temporaryHome(): string {
  const home = mkdtempSync(join(tmpdir(), "skein-node-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  return home;
}

async function startNode(database: string, env: Readonly<Record<string, string>> = { SKEIN_TOKEN }): Promise<Node> {
  const home = temporaryHome();
  const place = ["--home", home, "--store", database, "--listen", "ws://127.0.0.1:0"];
  const child = startSkein(["serve", "--json", ...place], { cwd: home, env });
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const said = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.err += text));
  await until(() => said.out.includes("\n") || child.exitCode !== null, "a node listens");
  expect(child.exitCode, said.err).toBeNull();
  const { listening, durability } = JSON.parse(said.out.split("\n")[0] ?? "") as {
    readonly listening: readonly string[];
    readonly durability: unknown;
  };
  expect(durability).toMatchObject({ acknowledged: "fsync", scope: "local", standbys: 0, warnings: [] });
  return { address: listening[0] ?? "", child };
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = systemClock.monotonicMs() + 60_000;
  while (!holds()) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`waited in vain: ${what}`);
    await sleep(systemClock, 5);
  }
}

interface Person {
  readonly client: SkeinClient;
  readonly ended: ReadonlyMap<string, string>;
  readonly deltas: () => number;
  start(threadId: string, text: string): Promise<string>;
  run(threadId: string, text: string): Promise<string>;
}

async function connect(...addresses: readonly string[]): Promise<Person> {
  const client = await connectClient({ addresses, token: SKEIN_TOKEN });
  onTestFinished(() => client.close());
  const ended = new Map<string, string>();
  let deltas = 0;
  client.on("turn/completed", ({ turn }) => void ended.set(turn.id, turn.status));
  client.on("item/agentMessage/delta", () => (deltas += 1));
  const start = async (threadId: string, text: string): Promise<string> => {
    const { turn } = await client.request("turn/start", { threadId, input: [{ type: "text", text }] });
    return turn.id;
  };
  const run = async (threadId: string, text: string): Promise<string> => {
    const turnId = await start(threadId, text);
    await until(() => ended.has(turnId), `the turn ends that says ${text}`);
    return ended.get(turnId) ?? "";
  };
  return { client, ended, deltas: () => deltas, start, run };
}

describe.skipIf(postgres.skipped !== null)("skein serve --store postgres://", { timeout: 180_000 }, () => {
  test("serves one database as two nodes, also when one is killed in the middle of a turn", async () => {
    // One in earnest: the command takes no server that may lose what it acknowledged.
    const server = await startPostgres({ fsync: true, copyOf: postgres.template });
    onTestFinished(() => server.stop());
    const [first, second] = [await startNode(server.url), await startNode(server.url)];
    const [ada, ben] = [await connect(first.address), await connect(second.address)];
    const { thread } = await ada.client.request("thread/start", {});
    expect(await ada.run(thread.id, "one")).toBe("completed");
    await ben.client.request("thread/resume", { threadId: thread.id });
    expect(await ben.run(thread.id, "two")).toBe("completed");
    await until(() => ada.ended.size === 2, "the owner's client hears of it");
    const { data } = await ben.client.request("thread/list", {});
    expect(data.map(({ id }) => id)).toEqual([thread.id]);

    const lost = await ben.start(thread.id, "long ".repeat(2_000));
    const deltas = ben.deltas();
    await until(() => ben.deltas() > deltas, "the turn is heard");
    first.child.kill("SIGKILL");
    await until(() => ben.ended.has(lost), "the lost turn's end is told");
    expect(ben.ended.get(lost)).toBe("interrupted");
    expect(await ben.run(thread.id, "three")).toBe("completed");
    const read = await ben.client.request("thread/read", { threadId: thread.id, includeTurns: true });
    expect(read.thread.turns.map(({ status }) => status)).toEqual([
      "completed",
      "completed",
      "interrupted",
      "completed",
    ]);
  });

  test("refuses an address of its own that can be none", async () => {
    const home = temporaryHome();
    const place = ["--home", home, "--store", "postgres://app@127.0.0.1:1/postgres", "--listen", "ws://127.0.0.1:0"];
    const { exitCode, stderr } = await runSkein(["serve", ...place, "--node-url", "example.org:4500"], { cwd: home });
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain("--node-url is where other nodes connect");
  });
});
