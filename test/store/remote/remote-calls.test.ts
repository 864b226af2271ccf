/**
 * Calls that take long or are large: deadlines and cancellation reach the other side, a slow reader holds next to
 * nothing, and what is too large is refused with its size before it is sent.
 */
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, expect, test } from "vitest";

import type { RolloutRecord } from "../../../src/events/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { ThreadStoreService } from "../../../src/store/remote/gen/skein/thread_store/v1/thread_store_pb.ts";
import { openRemoteThreadStore, serveThreadStore } from "../../../src/store/remote/index.ts";
import { withMember } from "./changed-store.ts";

const THREAD_ID = "01900000-0000-7000-8000-000000000001";
const closings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

async function serve(store: ThreadStore): Promise<string> {
  const server = await serveThreadStore({ store });
  closings.push(() => server.close());
  return server.url;
}

async function open(url: string, callTimeoutMs?: number): Promise<ThreadStore> {
  const store = await openRemoteThreadStore({ url, ...(callTimeoutMs === undefined ? {} : { callTimeoutMs }) });
  closings.push(() => store.close());
  return store;
}

function rawClient(url: string): Client<typeof ThreadStoreService> {
  return createClient(
    ThreadStoreService,
    createGrpcTransport({ baseUrl: url, nodeOptions: { maxSessionMemory: 256 } }),
  );
}

/** A page of records that are made when they are looked at. */
function madeLate(
  count: number,
  bytes: number,
): { readonly records: readonly RolloutRecord[]; readonly made: () => number } {
  let made = 0;
  const records = {
    length: count,
    *[Symbol.iterator](): Generator<RolloutRecord> {
      for (let ordinal = 0; ordinal < count; ordinal += 1) {
        made += 1;
        const payload = { type: "user_message", message: "x".repeat(bytes) };
        yield { ordinal, timestamp: "2026-05-05T10:00:00.000Z", item: { type: "event_msg", payload } };
      }
    },
  };
  return { records: records as unknown as readonly RolloutRecord[], made: () => made };
}

/** Resolves when a number has stood still for many turns of the event loop. */
async function standsStill(read: () => number): Promise<number> {
  for (let seen = read(), turns = 0; turns < 2_000; turns += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (read() !== seen) [seen, turns] = [read(), 0];
  }
  return read();
}

test("an answer that does not come in time is told as that, and the next call works", async () => {
  const memory = createMemoryThreadStore();
  let answer = (): void => {};
  const late = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const store = await open(await serve(withMember(memory, "loadWindow", () => late.then(() => null))), 2_000);
  await expect(store.loadWindow(THREAD_ID)).rejects.toMatchObject({ code: "timed_out", retryable: true });
  answer();
  expect((await store.listThreads()).data).toEqual([]);
});

test("an append that came too late for its deadline does not stop those behind it", async () => {
  const memory = createMemoryThreadStore();
  let isFirst = true;
  const slow = withMember(memory, "appendItems", async (params) => {
    const answer = await memory.appendItems(params);
    if (isFirst) await new Promise<never>(() => {});
    return answer;
  });
  const store = await open(await serve(slow), 2_000);
  const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
  const item = { type: "event_msg" as const, payload: { type: "user_message", message: "one" } };
  await expect(store.appendItems({ writer, items: [item] })).rejects.toMatchObject({ code: "timed_out" });
  isFirst = false;
  expect(await store.appendItems({ writer, items: [item] })).toMatchObject({ firstOrdinal: 2 });
});

test("of appends that go in one message each is answered by itself, and one that waits keeps no other waiting", async () => {
  const memory = createMemoryThreadStore();
  const stuck = new Set<string>();
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = withMember(memory, "appendItems", async (params) => {
    const answer = await memory.appendItems(params);
    if (stuck.has(params.writer.threadId)) await released;
    return answer;
  });
  const store = await open(await serve(slow));
  const opened = await Promise.all([1, 2, 3].map(() => store.createThread({ metadata: { cwd: "/work" } })));
  const [first, second, third] = opened.map(({ writer }) => writer);
  if (first === undefined || second === undefined || third === undefined) throw new Error("three were opened");
  stuck.add(first.threadId);
  const items = [{ type: "event_msg" as const, payload: { type: "user_message", message: "one" } }];
  const waiting = store.appendItems({ writer: first, items });
  const refused = store.appendItems({ writer: second, items, expectedOrdinal: 9 });
  const written = [1, 2, 3].map(() => store.appendItems({ writer: third, items }));
  await expect(refused).rejects.toMatchObject({ code: "ordinal_conflict", data: { actualOrdinal: 1 } });
  expect((await Promise.all(written)).map(({ firstOrdinal }) => firstOrdinal)).toEqual([1, 2, 3]);
  release();
  expect(await waiting).toMatchObject({ firstOrdinal: 1 });
});

test("a reader that is slow holds the server back, and gets everything all the same", { timeout: 60_000 }, async () => {
  const { records, made } = madeLate(8_000, 32 * 1024);
  const memory = createMemoryThreadStore();
  const url = await serve(
    withMember(memory, "loadHistory", async () => ({ records, nextOrdinal: 8_000, isEnd: true })),
  );
  let heard = 0;
  for await (const message of rawClient(url).loadHistory({ threadId: THREAD_ID })) {
    // Sockets and windows take some of it: of 256 MiB 2 to 9, now and then some 40.
    if (heard === 0) expect((await standsStill(made)) * 32).toBeLessThan(128 * 1024);
    heard += message.records.filter(({ continued }) => !continued).length;
  }
  expect(heard).toBe(8_000);
});

test("a reader that leaves ends the server's work for it", async () => {
  const { records, made } = madeLate(2_000, 32 * 1024);
  const memory = createMemoryThreadStore();
  const url = await serve(
    withMember(memory, "loadHistory", async () => ({ records, nextOrdinal: 2_000, isEnd: true })),
  );
  for await (const message of rawClient(url).loadHistory({ threadId: THREAD_ID })) {
    expect(message.records.length).toBeGreaterThan(0);
    break;
  }
  expect(await standsStill(made)).toBeLessThan(1_000);
});

test("an idle stream ends at its deadline with that status, and at its client's cancel", async () => {
  const client = rawClient(await serve(createMemoryThreadStore()));
  const drained = async (signal?: AbortSignal): Promise<void> => {
    const options = signal === undefined ? { timeoutMs: 200 } : { signal };
    for await (const { events } of client.subscribe({}, options)) expect(events).toEqual([]);
  };
  await expect(drained()).rejects.toThrow("[deadline_exceeded]");
  const leaving = new AbortController();
  const left = drained(leaving.signal);
  leaving.abort();
  await expect(left).rejects.toThrow("[canceled]");
});

test("an append that is larger than a message is refused with both sizes, a large one that fits is written", async () => {
  const store = await open(await serve(createMemoryThreadStore()));
  const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
  const text = "x".repeat(11 * 1024 * 1024);
  const item = { type: "event_msg" as const, payload: { type: "user_message", message: text } };
  await expect(store.appendItems({ writer, items: [item, item, item] })).rejects.toMatchObject({
    code: "invalid_argument",
    data: { bytesMax: expect.any(Number) as number, bytes: expect.any(Number) as number },
  });
  expect(await store.appendItems({ writer, items: [item, item] })).toMatchObject({ nextOrdinal: 3 });
  const { records } = await store.loadHistory({ threadId: writer.threadId, from: 1 });
  expect(records.map(({ item: read }) => read)).toEqual([item, item]);
});

test("appends that the server does not take yet are held up to a bound, and then refused", async () => {
  const memory = createMemoryThreadStore();
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = withMember(memory, "appendItems", async (params) => {
    await released;
    return memory.appendItems(params);
  });
  const store = await open(await serve(slow));
  const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
  const payload = { type: "user_message", message: "x".repeat(16 * 1024 * 1024) };
  const append = () => store.appendItems({ writer, items: [{ type: "event_msg", payload }] });
  const held = [append(), append(), append()];
  await expect(append()).rejects.toMatchObject({ code: "server_overloaded", retryable: true });
  release();
  expect((await Promise.all(held)).map(({ firstOrdinal }) => firstOrdinal)).toEqual([1, 2, 3]);
  expect(await append()).toMatchObject({ firstOrdinal: 4 });
});

test("a message that is larger than the server takes is refused by it, and the next one is taken", async () => {
  const client = rawClient(await serve(createMemoryThreadStore()));
  const { sessionId } = await client.openSession({});
  const items = [new Uint8Array(33 * 1024 * 1024)];
  const writer = { threadId: THREAD_ID, epoch: 1n };
  await expect(client.appendItems({ place: { sessionId, number: 1n }, writer, items })).rejects.toThrow(
    "[resource_exhausted]",
  );
  await expect(client.keepAlive({ sessionId })).resolves.toBeDefined();
});
