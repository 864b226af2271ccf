/**
 * The feed of one thread over the wire: what is there and what comes, each record once and in order, whoever writes
 * and whatever the connection does; a reader that is slow, leaves or comes too late costs the server nothing.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

import type { AppendableItem, RolloutRecord } from "../../../src/events/index.ts";
import type { StoreEvent, ThreadStore, ThreadWriter } from "../../../src/store/index.ts";
import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { ThreadStoreService } from "../../../src/store/remote/gen/skein/thread_store/v1/thread_store_pb.ts";
import {
  openRemoteThreadStore,
  type RemoteThreadStore,
  type RemoteThreadStoreOptions,
  type ServedThreadStore,
  serveThreadStore,
  type ServeThreadStoreOptions,
} from "../../../src/store/remote/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { withMember } from "./changed-store.ts";
import { createCuttableLink } from "./cuttable-link.ts";

const NO_THREAD = "01900000-0000-7000-8000-000000000001";
const closings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

async function serve(store: ThreadStore, options: Partial<ServeThreadStoreOptions> = {}): Promise<ServedThreadStore> {
  const server = await serveThreadStore({ store, ...options });
  closings.push(() => server.close());
  return server;
}

async function open(url: string, options: Partial<RemoteThreadStoreOptions> = {}): Promise<RemoteThreadStore> {
  const store = await openRemoteThreadStore({ url, ...options });
  closings.push(() => store.close());
  return store;
}

async function openLocal(): Promise<ThreadStore> {
  const home = await mkdtemp(join(tmpdir(), "skein-follow-"));
  closings.push(() => rm(home, { recursive: true, force: true }));
  const store = await openLocalThreadStore({ home });
  closings.push(() => store.close());
  return store;
}

function rawClient(url: string): Client<typeof ThreadStoreService> {
  return createClient(ThreadStoreService, createGrpcTransport({ baseUrl: url }));
}

function said(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message } };
}

/** A thread with this many records. */
async function threadOf(store: ThreadStore, records: number): Promise<ThreadWriter> {
  const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
  await store.persistThread(writer);
  const items = Array.from({ length: records - 1 }, (_, index) => said(`message ${index}`));
  if (items.length > 0) await store.appendItems({ writer, items });
  return writer;
}

/** A store of which one can see how many listen to it. */
function listenedStore(store: ThreadStore): { readonly store: ThreadStore; readonly listeners: () => number } {
  let listeners = 0;
  const seen = withMember(store, "subscribe", (listener: (event: StoreEvent) => void) => {
    const leave = store.subscribe(listener);
    listeners += 1;
    return () => {
      listeners -= 1;
      leave();
    };
  });
  return { store: seen, listeners: () => listeners };
}

/** Resolves when something is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Resolves when a number has stood still for many turns of the event loop. */
async function standsStill(read: () => number): Promise<number> {
  for (let seen = read(), turns = 0; turns < 2_000; turns += 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (read() !== seen) [seen, turns] = [read(), 0];
  }
  return read();
}

/** What a client's feed gives until it has come to this ordinal. */
async function followedTo(
  store: RemoteThreadStore,
  threadId: string,
  range: { readonly from: number; readonly end: number },
): Promise<readonly RolloutRecord[]> {
  const records: RolloutRecord[] = [];
  for await (const page of store.follow(threadId, { from: range.from })) {
    records.push(...page.records);
    if (page.nextOrdinal >= range.end && page.isLive) return records;
  }
  return records;
}

/** The ordinals that a raw stream gives until it has come to this one; those of parts once, at their end. */
async function rawOrdinals(
  client: Client<typeof ThreadStoreService>,
  request: { readonly threadId: string; readonly from: bigint; readonly recordsPerMessageMax: bigint },
  end: number,
): Promise<readonly number[]> {
  const ordinals: number[] = [];
  for await (const { records, nextOrdinal, isLive } of client.followThread(request)) {
    expect(records.length).toBeLessThanOrEqual(Number(request.recordsPerMessageMax));
    for (const { ordinal, continued } of records) if (!continued) ordinals.push(Number(ordinal));
    expect(Number(nextOrdinal)).toBe((ordinals.at(-1) ?? Number(request.from) - 1) + 1);
    if (Number(nextOrdinal) >= end && isLive) return ordinals;
  }
  return ordinals;
}

const KINDS: readonly (readonly [string, number, () => Promise<ThreadStore>])[] = [
  ["memory", 25, async () => createMemoryThreadStore()],
  ["files", 12, openLocal],
];

test.each(KINDS)(
  "followers from any ordinal, while appends go on, get every record once and in order: %s",
  { timeout: 60_000 },
  async (_kind, numRuns, openBehind) => {
    const behind = await openBehind();
    const { url } = await serve(behind);
    const store = await open(url);
    const client = rawClient(url);
    const batches = fc.array(
      // Now and then a record that goes into no single message.
      fc.array(fc.oneof({ weight: 30, arbitrary: fc.nat(2_000) }, { weight: 1, arbitrary: fc.constant(600_000) }), {
        minLength: 1,
        maxLength: 40,
      }),
      { maxLength: 20 },
    );
    const example = fc.record({
      before: fc.integer({ min: 1, max: 700 }),
      batches,
      starts: fc.array(
        fc.record({ at: fc.nat(1_000), after: fc.nat(20), partsMax: fc.integer({ min: 1, max: 600 }) }),
        {
          minLength: 1,
          maxLength: 4,
        },
      ),
    });
    const law = fc.asyncProperty(example, async (given) => {
      const writer = await threadOf(behind, given.before);
      const { threadId } = writer;
      const end = given.before + given.batches.reduce((sum, batch) => sum + batch.length, 0);
      const followers: Promise<void>[] = [];
      const follow = async ({ at, partsMax }: { readonly at: number; readonly partsMax: number }): Promise<void> => {
        const from = at % (given.before + 1);
        const request = { threadId, from: BigInt(from), recordsPerMessageMax: BigInt(partsMax) };
        const [records, ordinals] = await Promise.all([
          followedTo(store, threadId, { from, end }),
          rawOrdinals(client, request, end),
        ]);
        const wanted = (await behind.loadHistory({ threadId, from })).records;
        expect(records).toEqual(wanted);
        expect(ordinals).toEqual(wanted.map(({ ordinal }) => ordinal));
      };
      for (const [index, batch] of given.batches.entries()) {
        for (const start of given.starts) if (start.after === index) followers.push(follow(start));
        await behind.appendItems({ writer, items: batch.map((length) => said("x".repeat(length))) });
      }
      for (const start of given.starts) if (start.after >= given.batches.length) followers.push(follow(start));
      await Promise.all(followers);
    });
    await fc.assert(law, { numRuns });
  },
);

describe("a reader that is slow", { timeout: 60_000 }, () => {
  test("holds the server back to what the connection takes, and gets everything all the same", async () => {
    const memory = createMemoryThreadStore();
    let loaded = 0;
    const url = (
      await serve(
        withMember(memory, "loadHistory", async (params) => {
          const page = await memory.loadHistory(params);
          loaded += page.records.length;
          return page;
        }),
      )
    ).url;
    const { writer } = await memory.createThread({ metadata: { cwd: "/work" } });
    for (let batch = 0; batch < 20; batch += 1) {
      await memory.appendItems({ writer, items: Array.from({ length: 100 }, () => said("x".repeat(32 * 1024))) });
    }
    const heard: number[] = [];
    for await (const { records, nextOrdinal } of rawClient(url).followThread({ threadId: writer.threadId })) {
      // Of 64 MiB: the sockets take some, the page that waits is one more.
      if (heard.length === 0) expect((await standsStill(() => loaded)) * 32).toBeLessThan(24 * 1024);
      heard.push(...records.map(({ ordinal }) => Number(ordinal)));
      if (nextOrdinal === 2_001n) break;
    }
    expect(heard).toEqual(Array.from({ length: 2_001 }, (_, ordinal) => ordinal));
  });

  test("is listened for no more once it has left, even while the server waited for it", async () => {
    const { store, listeners } = listenedStore(createMemoryThreadStore());
    const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
    for (let batch = 0; batch < 20; batch += 1) {
      await store.appendItems({ writer, items: Array.from({ length: 100 }, () => said("x".repeat(32 * 1024))) });
    }
    const { url } = await serve(store);
    for await (const { records } of rawClient(url).followThread({ threadId: writer.threadId })) {
      expect(records.length).toBeGreaterThan(0);
      expect(listeners()).toBe(1);
      break;
    }
    await until(() => listeners() === 0);
  });
});

describe("a feed ends", () => {
  test("at its client's cancel and at its deadline, with that status, and nothing listens for it any more", async () => {
    const { store, listeners } = listenedStore(createMemoryThreadStore());
    const { threadId } = await threadOf(store, 3);
    const client = rawClient((await serve(store)).url);
    const drained = async (options: { readonly timeoutMs?: number; readonly signal?: AbortSignal }): Promise<void> => {
      for await (const { isLive } of client.followThread({ threadId }, options)) expect(isLive).toBe(true);
    };
    await expect(drained({ timeoutMs: 200 })).rejects.toThrow("[deadline_exceeded]");
    await until(() => listeners() === 0);
    const leaving = new AbortController();
    const left = drained({ signal: leaving.signal });
    await until(() => listeners() === 1);
    leaving.abort();
    await expect(left).rejects.toThrow("[canceled]");
    await until(() => listeners() === 0);
  });

  test("at the signal's abort without an error, where nothing comes and where the loop is left", async () => {
    const { store, listeners } = listenedStore(createMemoryThreadStore());
    const { threadId } = await threadOf(store, 3);
    const client = await open((await serve(store)).url);
    const leaving = new AbortController();
    for await (const { nextOrdinal } of client.follow(threadId, { signal: leaving.signal })) {
      expect(nextOrdinal).toBe(3);
      leaving.abort();
    }
    await until(() => listeners() === 0);
    for await (const { records } of client.follow(threadId, { from: 1 })) {
      expect(records.map(({ ordinal }) => ordinal)).toEqual([1, 2]);
      break;
    }
    await until(() => listeners() === 0);
    for await (const page of client.follow(threadId, { signal: AbortSignal.abort() })) expect(page).toBeUndefined();
  });

  test("when its thread is deleted, and tells nothing of another one with the same id", async () => {
    const { store, listeners } = listenedStore(createMemoryThreadStore());
    const { url } = await serve(store);
    const client = await open(url);
    const { threadId } = await threadOf(store, 3);
    const raw: (readonly [number, bigint, boolean])[] = [];
    const rawEnd = (async () => {
      for await (const { records, nextOrdinal, isDeleted } of rawClient(url).followThread({ threadId })) {
        raw.push([records.length, nextOrdinal, isDeleted]);
      }
    })();
    const seen: number[] = [];
    const end = (async () => {
      for await (const { records } of client.follow(threadId)) seen.push(...records.map(({ ordinal }) => ordinal));
    })();
    await until(() => seen.length === 3 && raw.length === 1);
    await store.deleteThread(threadId);
    const { writer } = await store.createThread({ threadId, metadata: { cwd: "/other" } });
    await store.appendItems({ writer, items: [1, 2, 3, 4].map((n) => said(`another ${n}`)) });
    await Promise.all([end, rawEnd]);
    expect(seen).toEqual([0, 1, 2]);
    expect(raw).toEqual([
      [3, 3n, false],
      [0, 3n, true],
    ]);
    expect(listeners()).toBe(0);
  });

  test("when its thread was deleted by another process, at the next look", async () => {
    const clock = createManualClock();
    const memory = createMemoryThreadStore();
    const { threadId } = await threadOf(memory, 3);
    const client = await open(
      (
        await serve(
          withMember(memory, "subscribe", () => () => {}),
          { clock },
        )
      ).url,
    );
    let seen = 0;
    const end = (async () => {
      for await (const { nextOrdinal } of client.follow(threadId)) seen = nextOrdinal;
    })();
    await until(() => seen === 3);
    await memory.deleteThread(threadId);
    await clock.run(1_000);
    await end;
  });

  test("when the server closes, with the status for that", async () => {
    const { store, listeners } = listenedStore(createMemoryThreadStore());
    const { threadId } = await threadOf(store, 3);
    const server = await serve(store);
    let heard = 0;
    const drained = (async () => {
      for await (const { records } of rawClient(server.url).followThread({ threadId })) heard += records.length;
    })();
    await until(() => heard === 3);
    await Promise.all([expect(drained).rejects.toThrow("[unavailable]"), server.close()]);
    expect(listeners()).toBe(0);
  });

  test("when its store is closed, with the code for that", async () => {
    const memory = createMemoryThreadStore();
    const { threadId } = await threadOf(memory, 3);
    const client = await open((await serve(memory)).url);
    const feed = client.follow(threadId)[Symbol.asyncIterator]();
    expect((await feed.next()).value).toMatchObject({ nextOrdinal: 3, isLive: true });
    const next = feed.next();
    await Promise.all([expect(next).rejects.toMatchObject({ code: "runtime_closed" }), client.close()]);
    expect(() => client.follow(threadId)).toThrow("the store is closed");
  });
});

test("records that another process wrote come without an event, at the next look", async () => {
  const clock = createManualClock();
  const memory = createMemoryThreadStore();
  const writer = await threadOf(memory, 3);
  const client = await open(
    (
      await serve(
        withMember(memory, "subscribe", () => () => {}),
        { clock },
      )
    ).url,
  );
  const feed = client.follow(writer.threadId, { from: 2 })[Symbol.asyncIterator]();
  expect((await feed.next()).value).toMatchObject({ nextOrdinal: 3, isLive: true });
  await memory.appendItems({ writer, items: [said("from elsewhere")] });
  const next = feed.next();
  await clock.run(1_000);
  expect((await next).value).toMatchObject({ records: [{ ordinal: 3 }], nextOrdinal: 4, isLive: true });
  await feed.return?.();
});

describe("a connection that is lost under a feed", () => {
  test("is made anew, and the feed goes on at its place", async () => {
    const memory = createMemoryThreadStore();
    const writer = await threadOf(memory, 3);
    const link = await createCuttableLink((await serve(memory)).port);
    closings.push(() => link.cut());
    const client = await open(link.url);
    const seen: number[] = [];
    for await (const { records, nextOrdinal } of client.follow(writer.threadId)) {
      seen.push(...records.map(({ ordinal }) => ordinal));
      if (nextOrdinal >= 12) break;
      await link.cut();
      await memory.appendItems({ writer, items: [said("while"), said("it was"), said("away")] });
      link.mend();
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, ordinal) => ordinal));
  });

  test("is told when it can't be made for long, and at once to one who leaves", { timeout: 20_000 }, async () => {
    const clock = createManualClock();
    const memory = createMemoryThreadStore();
    const { threadId } = await threadOf(memory, 3);
    const link = await createCuttableLink((await serve(memory)).port);
    closings.push(() => link.cut());
    const client = await open(link.url, { clock });
    const leaving = new AbortController();
    const staying = client.follow(threadId)[Symbol.asyncIterator]();
    const leaver = client.follow(threadId, { signal: leaving.signal })[Symbol.asyncIterator]();
    await Promise.all([staying.next(), leaver.next()]);
    await link.cut();
    const left = leaver.next();
    let isOver = false;
    const next = staying.next();
    const over = next.finally(() => {
      isOver = true;
    });
    leaving.abort();
    expect(await left).toMatchObject({ done: true });
    const running = (async () => {
      while (!isOver) await clock.run(2_000);
    })();
    await Promise.all([expect(over).rejects.toMatchObject({ code: "connection_lost", retryable: true }), running]);
  });
});

describe("a feed is refused", () => {
  test("for a thread that is not there, and for ordinals and bounds that are none", async () => {
    const { store, listeners } = listenedStore(createMemoryThreadStore());
    const { url } = await serve(store);
    const { threadId } = await threadOf(store, 3);
    const client = await open(url);
    const first = (feed: AsyncIterable<unknown>): Promise<unknown> => feed[Symbol.asyncIterator]().next();
    await expect(first(client.follow(NO_THREAD))).rejects.toMatchObject({ code: "thread_not_found" });
    expect(() => client.follow("no id")).toThrow(expect.objectContaining({ code: "invalid_thread_id" }));
    expect(() => client.follow(threadId, { from: -1 })).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    const raw = rawClient(url);
    await expect(first(raw.followThread({ threadId, from: -1n }))).rejects.toThrow("[invalid_argument]");
    await expect(first(raw.followThread({ threadId, recordsPerMessageMax: 0n }))).rejects.toThrow("[invalid_argument]");
    await expect(first(raw.followThread({ threadId: "no id" }))).rejects.toThrow("[invalid_argument]");
    expect(listeners()).toBe(0);
  });

  test("from an ordinal that the log has not come to, as lost history; at its end it waits", async () => {
    const memory = createMemoryThreadStore();
    const writer = await threadOf(memory, 3);
    const { threadId } = writer;
    const client = await open((await serve(memory)).url);
    await expect(client.follow(threadId, { from: 4 })[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: "history_truncated",
      kind: "fault",
      data: { threadId, ordinal: 4 },
    });
    const feed = client.follow(threadId, { from: 3 })[Symbol.asyncIterator]();
    expect((await feed.next()).value).toEqual({ records: [], nextOrdinal: 3, isLive: true });
    await memory.appendItems({ writer, items: [said("next")] });
    expect((await feed.next()).value).toMatchObject({ records: [{ ordinal: 3 }], nextOrdinal: 4, isLive: true });
    await feed.return?.();
  });

  test("from then on when a log became shorter and something told of its thread", async () => {
    const memory = createMemoryThreadStore();
    const { threadId } = await threadOf(memory, 5);
    let end = Infinity;
    const cut = withMember(memory, "loadHistory", async (params) => {
      const page = await memory.loadHistory(params);
      return { ...page, records: page.records.filter(({ ordinal }) => ordinal < end), isEnd: true };
    });
    const client = await open((await serve(cut)).url);
    const feed = client.follow(threadId)[Symbol.asyncIterator]();
    expect((await feed.next()).value).toMatchObject({ nextOrdinal: 5 });
    end = 3;
    await Promise.all([
      expect(feed.next()).rejects.toMatchObject({ code: "history_truncated", data: { ordinal: 5 } }),
      memory.updateThreadMetadata({ threadId, patch: { name: "shorter" } }),
    ]);
  });
});
