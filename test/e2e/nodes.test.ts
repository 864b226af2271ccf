/**
 * Two nodes on one PostgreSQL, each a process: one is killed in the middle of a turn, put to sleep past its lease, or
 * stopped. Clients go on at the other: every acknowledged record is there, once, and feeds have neither gap nor double.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

import { afterAll, describe, expect, onTestFinished, test } from "vitest";

import { sleep, systemClock } from "../../src/base/index.ts";
import { connectClient, type RolloutRecord, type SkeinClient } from "../../src/client/index.ts";
import { openPostgresThreadStore } from "../../src/store/postgres/index.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";
import { testSchema, workerPostgres } from "../support/postgres/worker-postgres.ts";
import { skeinEnvironment } from "../support/skein-process.ts";
import type { NodeChildOptions } from "./node-child.ts";

const postgres = await workerPostgres();
const LEASE_TTL_MS = 1_500;
/** What taking over may take beyond the lease on a machine that does other things too. */
const MARGIN_MS = 10_000;
const CHILD = fileURLToPath(new URL("./node-child.ts", import.meta.url));

interface Node {
  readonly url: string;
  readonly child: ChildProcess;
  kill(signal: NodeJS.Signals): Promise<void>;
}

async function startNode(schema: string): Promise<Node> {
  const url = `ws://127.0.0.1:${await freePort()}`;
  const options: NodeChildOptions = { database: postgres.url, schema, url, leaseTtlMs: LEASE_TTL_MS };
  const child = spawn(process.execPath, [...nodeTypeFlags(), CHILD], {
    env: skeinEnvironment({ SKEIN_TEST_NODE: JSON.stringify(options) }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
  const ended = once(child, "exit");
  onTestFinished(async () => {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await ended;
  });
  await until(() => said.includes("ready\n") || child.exitCode !== null, "the node listens");
  expect(child.exitCode, said).toBeNull();
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  return { url, child, kill };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const endMs = systemClock.monotonicMs() + 50_000;
  while (!holds()) {
    if (systemClock.monotonicMs() > endMs) throw new Error(`waited in vain: ${what}`);
    await sleep(systemClock, 5);
  }
}

/** A client, and what it was told. */
interface Person {
  readonly client: SkeinClient;
  /** Turns by id, as they ended. */
  readonly ended: ReadonlyMap<string, string>;
  readonly deltas: () => number;
  readonly records: readonly RolloutRecord[];
  /** Begins to follow the thread's records. */
  follow(threadId: string): void;
  start(threadId: string, text: string): Promise<string>;
  /** Runs a turn to its end. */
  run(threadId: string, text: string): Promise<string>;
}

async function connect(...addresses: readonly string[]): Promise<Person> {
  const client = await connectClient({ addresses, reconnect: { delayMs: 20, delayMaxMs: 200, attemptsMax: 1_000 } });
  onTestFinished(() => client.close());
  const ended = new Map<string, string>();
  const records: RolloutRecord[] = [];
  let deltas = 0;
  client.on("turn/completed", ({ turn }) => void ended.set(turn.id, turn.status));
  client.on("item/agentMessage/delta", () => (deltas += 1));
  const start = async (threadId: string, text: string): Promise<string> => {
    const { turn } = await client.request("turn/start", { threadId, input: [{ type: "text", text }] });
    return turn.id;
  };
  return {
    client,
    ended,
    records,
    deltas: () => deltas,
    follow: (threadId) => {
      client.threadEvents(threadId).subscribe((event) => void (event.type === "record" && records.push(event.record)));
    },
    start,
    run: async (threadId, text) => {
      const turnId = await start(threadId, text);
      await until(() => ended.has(turnId), `the turn that says ${text} ends`);
      return ended.get(turnId) ?? "";
    },
  };
}

describe.skipIf(postgres.skipped !== null)("two nodes on one PostgreSQL", { timeout: 120_000 }, () => {
  const schema = testSchema(postgres.url);
  afterAll(() => schema.drop());

  /** What the database holds, read by a handle of its own. */
  async function stored(threadId: string): Promise<readonly RolloutRecord[]> {
    const { url } = postgres;
    await using store = closing(await openPostgresThreadStore({ url, schema: schema.name, allowUnsafe: true }));
    const { records, isEnd } = await store.value.loadHistory({ threadId });
    expect(isEnd).toBe(true);
    return records;
  }

  async function expectWhole(threadId: string, ...followers: readonly Person[]): Promise<void> {
    const records = await stored(threadId);
    expect(records.map(({ ordinal }) => ordinal)).toEqual(records.map((_, index) => index));
    for (const { records: seen } of followers) {
      await until(() => seen.length >= records.length, "a follower has all records");
      expect(seen.map(plain)).toEqual(records.map(plain));
    }
  }

  test("a killed owner's thread goes on at the other node, within the lease's time", async () => {
    const [first, second] = [await startNode(schema.name), await startNode(schema.name)];
    const [ada, ben] = [await connect(first.url, second.url), await connect(second.url)];
    const { thread } = await ada.client.request("thread/start", {});
    expect(await ada.run(thread.id, "one")).toBe("completed");
    await ben.client.request("thread/resume", { threadId: thread.id });
    for (const person of [ada, ben]) person.follow(thread.id);
    expect(await ben.run(thread.id, "two")).toBe("completed");
    await until(() => ada.ended.size === 2, "the owner's client hears of the other's turn");

    const lost = await ada.start(thread.id, "slow");
    await until(() => ben.deltas() >= 2, "the follower hears the turn");
    const killedMs = systemClock.monotonicMs();
    await first.kill("SIGKILL");
    expect(await ada.run(thread.id, "three")).toBe("completed");
    const tookMs = systemClock.monotonicMs() - killedMs;
    expect(tookMs).toBeLessThan(LEASE_TTL_MS + MARGIN_MS);
    await until(() => ben.ended.has(lost), "the follower hears that the turn ended");
    expect(ben.ended.get(lost)).toBe("interrupted");
    expect(await ben.run(thread.id, "four")).toBe("completed");
    await expectWhole(thread.id, ada, ben);
  });

  test("an owner that slept past its lease is fenced, and its own clients go on through it", async () => {
    const [first, second] = [await startNode(schema.name), await startNode(schema.name)];
    const [ada, ben] = [await connect(first.url), await connect(second.url)];
    const { thread } = await ada.client.request("thread/start", {});
    expect(await ada.run(thread.id, "one")).toBe("completed");
    const asleep = await ada.start(thread.id, "slow");
    await until(() => ada.deltas() >= 2, "the turn is heard");

    first.child.kill("SIGSTOP");
    const stoppedMs = systemClock.monotonicMs();
    await ben.client.request("thread/resume", { threadId: thread.id });
    const tookMs = systemClock.monotonicMs() - stoppedMs;
    expect(tookMs).toBeLessThan(LEASE_TTL_MS + MARGIN_MS);
    expect(await ben.run(thread.id, "two")).toBe("completed");
    ben.follow(thread.id);
    first.child.kill("SIGCONT");

    // It finds out when it records something.
    await ada.client.request("turn/interrupt", { threadId: thread.id, turnId: asleep }).catch(() => undefined);
    await until(() => ada.ended.has(asleep), "the turn of the sleeper ends");
    expect(ada.ended.get(asleep)).toBe("failed");
    expect(await ada.run(thread.id, "three")).toBe("completed");
    await until(() => ben.ended.size === 2, "the new owner's client hears of it");
    ada.follow(thread.id);
    await expectWhole(thread.id, ada, ben);
    const texts = JSON.stringify(await stored(thread.id));
    for (const text of ["You said: one", "You said: two", "You said: three"]) expect(texts).toContain(text);
  });

  test("a node that is stopped hands its threads over at once", async () => {
    const [first, second] = [await startNode(schema.name), await startNode(schema.name)];
    const [ada, ben] = [await connect(first.url, second.url), await connect(second.url)];
    const { thread } = await ada.client.request("thread/start", {});
    expect(await ada.run(thread.id, "one")).toBe("completed");
    await ben.client.request("thread/resume", { threadId: thread.id });
    for (const person of [ada, ben]) person.follow(thread.id);

    await first.kill("SIGTERM");
    expect(await ada.run(thread.id, "two")).toBe("completed");
    expect(await ben.run(thread.id, "three")).toBe("completed");
    await expectWhole(thread.id, ada, ben);
  });

  test("a consumer that comes back at the other node goes on where its checkpoint is", async () => {
    const [first, second] = [await startNode(schema.name), await startNode(schema.name)];
    const [ada, ben] = [await connect(first.url), await connect(second.url)];
    const { thread } = await ada.client.request("thread/start", {});
    expect(await ada.run(thread.id, "one")).toBe("completed");
    const ordinals: number[] = [];
    const consume = async ({ client }: Person, until: number): Promise<void> => {
      for await (const event of client.threadEvents(thread.id, { checkpoint: "mailer" })) {
        if (event.type === "record") ordinals.push(event.record.ordinal);
        if (ordinals.length >= until) return;
      }
    };
    await consume(ada, 3);
    await ada.client.close();
    await first.kill("SIGKILL");
    const { length } = await stored(thread.id);
    await consume(ben, length);
    // The record in hand as the first consumer left was not done: it may come again, and nothing else.
    expect([...new Set(ordinals)]).toEqual(Array.from({ length: Math.max(...ordinals) + 1 }, (_, at) => at));
    expect(ordinals.length - new Set(ordinals).size).toBeLessThanOrEqual(1);
  });

  test("a thread is read, followed and forked at a node that does not own it", async () => {
    const [first, second] = [await startNode(schema.name), await startNode(schema.name)];
    const [ada, ben] = [await connect(first.url), await connect(second.url)];
    const { thread } = await ada.client.request("thread/start", {});
    expect(await ada.run(thread.id, "one")).toBe("completed");
    ben.follow(thread.id);
    const read = await ben.client.request("thread/read", { threadId: thread.id, includeTurns: true });
    expect(read.thread.turns).toHaveLength(1);
    expect(await ada.run(thread.id, "two")).toBe("completed");
    const fork = await ben.client.request("thread/fork", { threadId: thread.id });
    expect(await ben.run(fork.thread.id, "three")).toBe("completed");
    await expectWhole(thread.id, ben);
  });
});

/** What goes over the wire of a record. */
function plain({ ordinal, timestamp, item }: RolloutRecord): RolloutRecord {
  return { ordinal, timestamp, item };
}

function closing<Value extends { close(): Promise<void> }>(value: Value): AsyncDisposable & { readonly value: Value } {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
