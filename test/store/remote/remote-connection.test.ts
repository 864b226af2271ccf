/**
 * Connections that are lost, servers that are started again, clients that stay away: nothing is written twice, no
 * event is told twice or lost, and a thread comes free for others when its writer's client is gone.
 */
import { afterEach, describe, expect, test } from "vitest";

import type { AppendableItem, RolloutRecord } from "../../../src/events/index.ts";
import type { StoreEvent, ThreadStore } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import {
  openRemoteThreadStore,
  type RemoteThreadStoreOptions,
  type ServedThreadStore,
  serveThreadStore,
} from "../../../src/store/remote/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { withMember } from "./changed-store.ts";
import { createCuttableLink, type CuttableLink } from "./cuttable-link.ts";

const closings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

async function serve(store: ThreadStore, options: { readonly clock?: ReturnType<typeof createManualClock> } = {}) {
  const server = await serveThreadStore({ store, ...options });
  closings.push(() => server.close());
  return server;
}

async function open(url: string, options: Partial<RemoteThreadStoreOptions> = {}): Promise<ThreadStore> {
  const store = await openRemoteThreadStore({ url, ...options });
  closings.push(() => store.close());
  return store;
}

async function linkTo(target: number | (() => number)): Promise<CuttableLink> {
  const link = await createCuttableLink(target);
  closings.push(() => link.cut());
  return link;
}

function said(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message } };
}

/** Resolves when something is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A memory store that says when an append was written, before it answers. */
function tellingStore(): { readonly store: ThreadStore; readonly onWritten: (run: () => void) => void } {
  const memory = createMemoryThreadStore();
  let written = (): void => {};
  const store = withMember(memory, "appendItems", async (params) => {
    const answer = await memory.appendItems(params);
    written();
    await new Promise<void>((resolve) => setImmediate(resolve));
    return answer;
  });
  return {
    store,
    onWritten: (run) => {
      written = run;
    },
  };
}

describe("a connection that is lost when an append was written and not answered", () => {
  test("is made anew, and an append with a key is answered once it is asked for again", async () => {
    const { store, onWritten } = tellingStore();
    const link = await linkTo((await serve(store)).port);
    const client = await open(link.url);
    const { writer } = await client.createThread({ metadata: { cwd: "/work" } });
    let cuts = 0;
    onWritten(() => {
      if (cuts > 0) return;
      cuts += 1;
      void link.cut().then(() => link.mend());
    });
    const answer = await client.appendItems({ writer, items: [said("one")], idempotencyKey: "k" });
    expect(cuts).toBe(1);
    expect(answer).toMatchObject({ firstOrdinal: 1, nextOrdinal: 2, duplicate: true });
    expect(await client.appendItems({ writer, items: [said("two")] })).toMatchObject({ firstOrdinal: 2 });
  });

  test("is told for an append without one, which may be there", async () => {
    const { store, onWritten } = tellingStore();
    const link = await linkTo((await serve(store)).port);
    const client = await open(link.url);
    const { writer } = await client.createThread({ metadata: { cwd: "/work" } });
    onWritten(() => void link.cut().then(() => link.mend()));
    await expect(client.appendItems({ writer, items: [said("one")] })).rejects.toMatchObject({
      code: "connection_lost",
      retryable: true,
    });
    onWritten(() => {});
    expect(await client.appendItems({ writer, items: [said("two")], expectedOrdinal: 2 })).toMatchObject({
      firstOrdinal: 2,
    });
  });
});

test("a server that is started again has let the writers go; a key that was applied is known to the next one", async () => {
  const store = createMemoryThreadStore();
  let server: ServedThreadStore = await serve(store);
  const link = await linkTo(() => server.port);
  const client = await open(link.url);
  const { writer } = await client.createThread({ metadata: { cwd: "/work" } });
  const { threadId } = writer;
  await client.appendItems({ writer, items: [said("one")], idempotencyKey: "k" });
  await server.close();
  server = await serve(store);
  const late = client.appendItems({ writer, items: [said("one")], idempotencyKey: "k" });
  await expect(late).rejects.toMatchObject({ code: "writer_closed", retryable: true, data: { threadId } });
  const resumed = await client.resumeThread({ threadId });
  const again = client.appendItems({ writer: resumed.writer, items: [said("one")], idempotencyKey: "k" });
  expect(await again).toMatchObject({ firstOrdinal: 1, duplicate: true });
  await client.shutdownThread(resumed.writer);
  const closed = client.appendItems({ writer: resumed.writer, items: [said("two")] });
  await expect(closed).rejects.toMatchObject({ code: "writer_closed", retryable: false });
});

test("reads and listening go on over cuts at any moment; each record is told once, in order", async () => {
  const store = createMemoryThreadStore();
  const { port, url } = await serve(store);
  const link = await linkTo(port);
  const [listening, writing] = [await open(link.url), await open(url)];
  const told: RolloutRecord[] = [];
  listening.subscribe((event) => {
    if (event.type === "appended") told.push(...event.records);
  });
  const { writer } = await writing.createThread({ metadata: { cwd: "/work" } });
  await writing.persistThread(writer);
  await until(() => told.length === 1);
  for (let n = 1; n <= 60; n += 1) {
    await writing.appendItems({ writer, items: [said(`${n}`)] });
    if (n % 20 === 0) {
      await link.cut();
      link.mend();
    }
  }
  await until(() => told.length >= 61);
  expect(told.map(({ ordinal }) => ordinal)).toEqual(Array.from({ length: 61 }, (_, ordinal) => ordinal));
  expect((await listening.loadHistory({ threadId: writer.threadId })).records).toEqual(told);
});

test("what was appended while the server was started again is told from the logs", async () => {
  const store = createMemoryThreadStore();
  let server = await serve(store);
  const link = await linkTo(() => server.port);
  const client = await open(link.url);
  const told: StoreEvent[] = [];
  client.subscribe((event) => told.push(event));
  const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
  // By a call that waits for its events: the client listens by then.
  await client.createThread({ metadata: { cwd: "/elsewhere" } });
  await store.appendItems({ writer, items: [said("one")] });
  await until(() => told.length >= 2);
  await server.close();
  await store.appendItems({ writer, items: [said("two"), said("three")] });
  server = await serve(store);
  const ordinals = (): readonly number[] =>
    told.flatMap((event) => (event.type === "appended" ? event.records.map(({ ordinal }) => ordinal) : []));
  await until(() => ordinals().length >= 4);
  expect(ordinals()).toEqual([0, 1, 2, 3]);
});

describe("a thread that a client writes to", () => {
  async function twoClients() {
    const clock = createManualClock();
    const server = await serve(createMemoryThreadStore(), { clock });
    const link = await linkTo(server.port);
    const owner = await open(link.url, { clientName: "the owner" });
    const second = await open(server.url);
    const { writer } = await owner.createThread({ metadata: { cwd: "/work" } });
    await owner.persistThread(writer);
    const { threadId } = writer;
    const resume = () => second.resumeThread({ threadId });
    return { clock, server, link, owner, second, writer, threadId, resume };
  }

  test("is its own: another is told by whom", async () => {
    const { threadId, resume } = await twoClients();
    await expect(resume()).rejects.toMatchObject({
      code: "thread_owned_elsewhere",
      // All of it: a session's id would let others call as its client.
      data: expect.toSatisfy((data) => Object.keys(data as object).join() === "threadId,ownerId") as object,
    });
    await expect(resume()).rejects.toMatchObject({ data: { threadId, ownerId: "the owner" } });
  });

  test("comes free when the client is closed", async () => {
    const { owner, resume } = await twoClients();
    await owner.close();
    expect(await resume()).toMatchObject({ nextOrdinal: 1 });
  });

  test("can be taken over when its connection is lost, and is lost to the client that comes back", async () => {
    const { server, link, owner, writer, resume } = await twoClients();
    await link.cut();
    await until(() => server.clientCount === 1);
    const taken = await resume();
    expect(taken.writer.epoch).toBeGreaterThan(writer.epoch);
    link.mend();
    await expect(owner.appendItems({ writer, items: [said("late")] })).rejects.toMatchObject({ code: "writer_closed" });
  });

  test("stays the client's that comes back before anybody took it", async () => {
    const { server, link, owner, writer } = await twoClients();
    await link.cut();
    await until(() => server.clientCount === 1);
    link.mend();
    await until(() => server.clientCount === 2);
    expect(await owner.appendItems({ writer, items: [said("on")] })).toMatchObject({ firstOrdinal: 1 });
  });

  test("can be taken over when the client shows no sign of life for 15 s, though its connection stands", async () => {
    const clock = createManualClock();
    const server = await serve(createMemoryThreadStore(), { clock });
    const asleep = createManualClock();
    const owner = await open(server.url, { clock: asleep });
    const second = await open(server.url);
    const { writer } = await owner.createThread({ metadata: { cwd: "/work" } });
    await owner.persistThread(writer);
    const resume = () => second.resumeThread({ threadId: writer.threadId });
    await clock.run(14_000);
    await expect(resume()).rejects.toMatchObject({ code: "thread_owned_elsewhere" });
    await clock.run(2_000);
    const taken = await resume();
    await expect(owner.appendItems({ writer, items: [said("late")] })).rejects.toMatchObject({ code: "writer_closed" });
    expect(await second.appendItems({ writer: taken.writer, items: [said("on")] })).toMatchObject({ firstOrdinal: 1 });
  });
});

test("a client that stays away for a minute has its writers let go", async () => {
  const clock = createManualClock();
  const store = createMemoryThreadStore();
  const server = await serve(store, { clock });
  const link = await linkTo(server.port);
  const client = await openRemoteThreadStore({ url: link.url });
  const { writer } = await client.createThread({ metadata: { cwd: "/work" } });
  await link.cut();
  await until(() => server.clientCount === 0);
  await clock.run(70_000);
  // It was never stored: with its writer the thread is gone, and its id is free.
  const { threadId } = writer;
  await store.createThread({ threadId, metadata: { cwd: "/work" } });
  await client.close();
});

test("a closed client refuses calls; the served store goes on", async () => {
  const store = createMemoryThreadStore();
  const { url } = await serve(store);
  const client = await open(url);
  await client.close();
  await expect(client.listThreads()).rejects.toMatchObject({ code: "runtime_closed" });
  expect((await store.listThreads()).data).toEqual([]);
});

describe("a read while the server is away", () => {
  /** Moves the client's clock on until something is so, and lets its tries meet the network in between. */
  async function pass(clock: ReturnType<typeof createManualClock>, isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await clock.run(250);
      await new Promise<void>((resolve) => setTimeout(resolve, 20));
    }
  }

  test("is answered when the server is there again within fifteen seconds", async () => {
    const clock = createManualClock();
    const link = await linkTo((await serve(createMemoryThreadStore())).port);
    const client = await open(link.url, { clock });
    const { writer } = await client.createThread({ metadata: { cwd: "/work" } });
    await client.persistThread(writer);
    await link.cut();
    let isRead = false;
    const reading = client.readThread({ threadId: writer.threadId }).finally(() => {
      isRead = true;
    });
    const beganMs = clock.monotonicMs();
    await pass(clock, () => clock.monotonicMs() - beganMs > 8_000);
    link.mend();
    await pass(clock, () => isRead);
    expect(await reading).toMatchObject({ id: writer.threadId });
  });

  test("is told connection_lost after that, and sooner where an answer may not take as long", async () => {
    const clock = createManualClock();
    const link = await linkTo((await serve(createMemoryThreadStore())).port);
    const [patient, hasty] = [await open(link.url, { clock }), await open(link.url, { clock, callTimeoutMs: 4_000 })];
    await link.cut();
    const ends: number[] = [];
    const beganMs = clock.monotonicMs();
    const read = async (store: ThreadStore): Promise<void> => {
      await expect(store.listThreads()).rejects.toMatchObject({ code: "connection_lost", retryable: true });
      ends.push((clock.monotonicMs() - beganMs) / 1_000);
    };
    const reads = [read(patient), read(hasty)];
    await pass(clock, () => ends.length === 2);
    await Promise.all(reads);
    expect(ends[0]).toBeLessThan(8);
    expect(ends[1]).toBeGreaterThan(10);
    expect(ends[1]).toBeLessThan(20);
  });
});
