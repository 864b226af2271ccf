/**
 * The client and `skein serve` as they are used: a server process over each transport, and one that is killed while a
 * feed is followed and started again on the same home and address. What the feed told is held against the file.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import type { RolloutRecord, SkeinClient } from "../../src/client/index.ts";
import { decodeLine } from "../../src/events/index.ts";
import { skeinArguments, skeinEnvironment, startSkein } from "../support/skein-process.ts";
import { AT_ONCE, connect, rejected, temporaryFolder, until } from "./client-harness.ts";

interface Served {
  readonly child: ChildProcess;
  readonly address: string;
}

/** Starts a server, and resolves when it listens. */
async function serveAt(home: string, address: string, env: Readonly<Record<string, string>> = {}): Promise<Served> {
  const child = startSkein(["serve", "--json", "--home", home, "--listen", address], { cwd: home, env });
  let said = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said += text));
  onTestFinished(() => void child.kill("SIGKILL"));
  await until(() => said.includes("\n") || child.exitCode !== null);
  const { listening } = JSON.parse(said.split("\n")[0] ?? "") as { readonly listening: readonly string[] };
  return { child, address: listening[0] ?? "" };
}

async function kill({ child }: Served): Promise<void> {
  child.kill("SIGKILL");
  await until(() => child.signalCode !== null);
}

function command(home: string) {
  return {
    file: process.execPath,
    args: skeinArguments(["serve", "--listen", "stdio://", "--home", home]),
    env: skeinEnvironment(),
  };
}

/** The records that the thread's file holds. */
function recordsInFile(home: string): readonly RolloutRecord[] {
  const name = readdirSync(join(home, "sessions"), { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith(".jsonl"),
  );
  const lines = readFileSync(join(home, "sessions", name ?? ""), "utf8").split("\n");
  return lines.slice(0, -1).map((line, ordinal) => {
    const { timestamp, item } = decodeLine(line, ordinal);
    return { ordinal, timestamp, item };
  });
}

async function startTurn(client: SkeinClient, threadId: string, text: string): Promise<void> {
  await client.request("turn/start", { threadId, input: [{ type: "text", text }] });
}

async function useServer(client: SkeinClient, home: string): Promise<void> {
  const methods: string[] = [];
  client.notifications.subscribe((event) => methods.push("method" in event ? event.method : event.type));
  const { thread } = await client.request("thread/start", {});
  await startTurn(client, thread.id, "hello");
  await until(() => methods.includes("turn/completed"));
  expect(methods.filter((method) => method === "item/agentMessage/delta").length).toBeGreaterThan(0);
  expect((await client.request("thread/loaded/list", {})).data).toEqual([thread.id]);
  const refusal = await rejected(client.request("thread/resume", { threadId: "01a2b3c4-0000-7000-8000-000000000000" }));
  expect(refusal).toMatchObject({ code: "thread_not_found", kind: "rejection" });
  const told: RolloutRecord[] = [];
  const inFile = recordsInFile(home);
  for await (const event of client.threadEvents(thread.id)) {
    if (event.type === "record") told.push(event.record);
    if (told.length === inFile.length) break;
  }
  expect(told).toEqual(inFile);
  await client.close();
}

describe("a server of Skein's", { timeout: 60_000 }, () => {
  test("that the client started itself is used, and ends with it", async () => {
    const home = temporaryFolder();
    await useServer(await connect({ command: command(home) }), home);
  });

  test.each(["unix", "ws"])("over %s is used", async (kind) => {
    const home = temporaryFolder();
    const { address } = await serveAt(home, kind === "ws" ? "ws://127.0.0.1:0" : `unix://${join(home, "s")}`);
    await useServer(await connect({ address }), home);
  });

  test("with a token lets in who has it", async () => {
    const home = temporaryFolder();
    const { address } = await serveAt(home, "ws://127.0.0.1:0", { SKEIN_TOKEN: "t0ken" });
    expect(await rejected(connect({ address }))).toMatchObject({ code: "connection_failed", data: { status: 401 } });
    expect((await connect({ address, token: "t0ken" })).server.codexHome).toBe(home);
  });
});

const KILLS = 4;
const ENOUGH_ATTEMPTS = { ...AT_ONCE, delayMaxMs: 50, attemptsMax: 10_000 } as const;

/**
 * Runs turns while `kill` is called again and again, and follows the thread all the while. Turns that a kill left
 * unanswered are asked for again: that is the user's choice, and here it is right.
 */
async function followThroughKills(client: SkeinClient, home: string, killOnce: () => Promise<void>): Promise<void> {
  const { thread } = await client.request("thread/start", {});
  await startTurn(client, thread.id, "first");
  const told: RolloutRecord[] = [];
  const states: string[] = [];
  client.notifications.subscribe((event) => states.push("method" in event ? event.method : event.type));
  const isFollowed = (async () => {
    for await (const event of client.threadEvents(thread.id, { window: 8, checkpoint: "follower" })) {
      if (event.type !== "record") continue;
      told.push(event.record);
      if (JSON.stringify(event.record.item).includes("Echo: the last one")) break;
    }
  })();
  for (let round = 0; round < KILLS; round += 1) {
    const before = told.length;
    // The kill comes somewhere in a turn: after so many of its records.
    const turn = startTurn(client, thread.id, `round ${round}`).catch(() => {});
    await until(() => told.length >= before + 1 + round);
    await killOnce();
    await turn;
    await until(() => states.filter((state) => state === "reconnected").length === round + 1);
  }
  await startTurn(client, thread.id, "the last one");
  await isFollowed;
  // The thread was subscribed to again as well.
  await until(() => states.lastIndexOf("turn/completed") > states.lastIndexOf("reconnected"));
  const inFile = recordsInFile(home);
  expect(told).toEqual(inFile.slice(0, told.length));
  expect(told.length).toBeGreaterThan(KILLS * 4);
  expect(states).not.toContain("unsubscribed");
}

describe("a server that is killed while it is followed", { timeout: 120_000 }, () => {
  test.each(["unix", "ws"])("over %s and started again is followed on without a gap or a double", async (kind) => {
    const home = temporaryFolder();
    let served = await serveAt(home, kind === "ws" ? "ws://127.0.0.1:0" : `unix://${join(home, "s")}`);
    const { address } = served;
    const client = await connect({ address, reconnect: ENOUGH_ATTEMPTS });
    await followThroughKills(client, home, async () => {
      await kill(served);
      served = await serveAt(home, address);
    });
  });

  test("as a process of the client's own is started by it again", async () => {
    const home = temporaryFolder();
    const { file, args, env } = command(home);
    let child: ChildProcess | undefined;
    const start = (): ChildProcess => (child = spawn(file, args, { env, stdio: ["pipe", "pipe", "pipe"] }));
    const client = await connect({ spawn: start, reconnect: ENOUGH_ATTEMPTS });
    await followThroughKills(client, home, async () => void child?.kill("SIGKILL"));
  });
});
