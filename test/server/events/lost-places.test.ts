/**
 * Places in a log that lost them: a consumer that says which record it was told last, a checkpoint whose record is
 * gone, and subscriptions that are open when the store says that history was lost.
 */
import { afterEach, describe, expect, it } from "vitest";

import { fault } from "../../../src/base/index.ts";
import {
  type CheckpointStore,
  createMemoryCheckpoints,
  type RecordPlace,
} from "../../../src/server/checkpoint-store.ts";
import type { StoreEvent } from "../../../src/store/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { type Consumer, FeedWorld, type FeedWorldOptions, Refused, settle } from "./feed-world.ts";

const open: FeedWorld[] = [];

async function world(options: FeedWorldOptions = {}): Promise<FeedWorld> {
  const made = await FeedWorld.open(options);
  open.push(made);
  return made;
}

afterEach(async () => {
  for (const made of open.splice(0)) await made.close();
});

async function refusal(work: Promise<unknown>): Promise<Refused["error"]> {
  const outcome = await work.catch((error: unknown) => error);
  if (outcome instanceof Refused) return outcome.error;
  throw new Error(`not refused: ${String(outcome)}`);
}

interface Place {
  readonly timestamp: string;
  readonly type: string;
}

/** Every record's place, as a consumer was told them. */
async function placesOf(client: Consumer, threadId: string, count: number): Promise<readonly Place[]> {
  const { subscriptionId } = await client.subscribe({ threadId });
  await client.until(() => client.records(subscriptionId).length === count);
  return client.records(subscriptionId).map(({ timestamp, type }) => ({ timestamp, type }));
}

describe.each(["memory", "local"] as const)(
  "a consumer on a %s store that says which record it was told last",
  (kind) => {
    it("goes on behind it, at any ordinal, and is told the place that it begins at", async () => {
      const made = await world({ kind });
      const threadId = await made.thread("one", "two", "three");
      const client = await made.consumer();
      const places = await placesOf(client, threadId, 4);
      for (const [ordinal, after] of places.entries()) {
        expect(await client.subscribe({ threadId, from: ordinal + 1, after })).toMatchObject({
          from: ordinal + 1,
          after,
        });
      }
      expect(await client.subscribe({ threadId, fromNow: true })).toMatchObject({ from: 4, after: places[3] });
      expect(await client.subscribe({ threadId })).toMatchObject({ from: 0, after: null });
    });

    it("is refused with history_truncated where another record stands there, or none, and nothing else is", async () => {
      const made = await world({ kind });
      const threadId = await made.thread("one", "two");
      const client = await made.consumer();
      const [, second] = await placesOf(client, threadId, 3);
      const other = { timestamp: "2020-01-01T00:00:00.000Z", type: "event_msg" };
      const lost: readonly [number, object | undefined][] = [
        [2, other],
        [2, { ...second, type: "response_item" }],
        [1, second],
        [3 + 1, second],
        [9, second],
      ];
      for (const [from, after] of lost) {
        const { data, message } = await refusal(client.subscribe({ threadId, from, after }));
        const ordinal = from - 1;
        expect(data).toMatchObject({
          skeinCode: "history_truncated",
          retryable: false,
          threadId,
          ordinal,
          nextOrdinal: 3,
        });
        expect(message).toContain("subscribe with `from` 0, or `from` 3 for what comes now");
      }
      // An ordinal alone is what it was.
      expect((await refusal(client.subscribe({ threadId, from: 9 }))).data).toMatchObject({
        skeinCode: "ordinal_conflict",
      });
      expect(made.server.context.subscriptions.size).toBe(1);
    });

    it("is told that its call is wrong where it doesn't say with it at which ordinal above 0", async () => {
      const made = await world({ kind });
      const threadId = await made.thread("one");
      const client = await made.consumer();
      const [, after] = await placesOf(client, threadId, 2);
      for (const where of [{}, { from: 0 }, { fromNow: true }]) {
        const { code, message } = await refusal(client.subscribe({ threadId, ...where, after }));
        expect(code).toBe(-32600);
        expect(message).toContain("give that too, 1 or more, or leave `after` out");
      }
    });

    it("and is refused leaves its checkpoint with who has it", async () => {
      const made = await world({ kind });
      const threadId = await made.thread("one", "two");
      const client = await made.consumer();
      const key = { threadId, checkpoint: "mailer" };
      const { subscriptionId } = await client.subscribe(key);
      await client.until(() => client.records(subscriptionId).length === 3);
      const after = { timestamp: "2020-01-01T00:00:00.000Z", type: "event_msg" };
      expect((await refusal(client.subscribe({ ...key, from: 2, after }))).data).toMatchObject({
        skeinCode: "history_truncated",
      });
      expect((await refusal(client.subscribe({ ...key, from: 9 }))).data).toMatchObject({
        skeinCode: "ordinal_conflict",
      });
      await client.acknowledge(subscriptionId, 2);
      expect(client.endings(subscriptionId)).toEqual([]);
      // What it is told to do leads where that says, whatever the checkpoint is.
      for (const from of [0, 3]) expect(await client.subscribe({ ...key, from })).toMatchObject({ from });
    });
  },
);

/** Checkpoints of which some lost their record: reading them fails until another place is saved. */
function losing(): { readonly checkpoints: CheckpointStore; lose(name: string): void } {
  const kept = createMemoryCheckpoints();
  const lost = new Set<string>();
  return {
    lose: (name) => void lost.add(name),
    checkpoints: {
      ...kept,
      async read(key) {
        if (!lost.has(key.name)) return await kept.read(key);
        const data = { threadId: key.threadId, checkpoint: key.name, ordinal: 1, nextOrdinal: 4 };
        throw fault("history_truncated", "the record is gone; or delete the checkpoint", { data });
      },
      async save(key, nextOrdinal) {
        if (lost.delete(key.name)) await kept.delete(key);
        await kept.save(key, nextOrdinal);
      },
      async delete(key) {
        lost.delete(key.name);
        await kept.delete(key);
      },
    },
  };
}

describe("a checkpoint whose record was lost", () => {
  it.each([0, 2])("is refused by its name, with its data, and taken from who begins at %i", async (from) => {
    const { checkpoints, lose } = losing();
    const made = await world({ checkpoints });
    const threadId = await made.thread("one", "two", "three");
    const client = await made.consumer();
    const key = { threadId, checkpoint: "mailer" };
    const { subscriptionId } = await client.subscribe(key);
    await client.until(() => client.records().length === 4);
    await client.acknowledge(subscriptionId, 3);
    lose("mailer");
    const data = { skeinCode: "history_truncated", retryable: false, ...key, ordinal: 1, nextOrdinal: 4 };
    for (const refused of [
      client.subscribe(key),
      client.subscribe({ ...key, fromNow: true }),
      client.request("thread/events/checkpoint/read", key),
    ]) {
      const error = await refusal(refused);
      expect(error.data).toEqual(data);
      expect(error.message).toContain("delete the checkpoint");
    }
    expect((await client.subscribe({ ...key, from })).from).toBe(from);
    // Kept before anything is acknowledged: who comes back by the name begins there.
    expect(await client.request("thread/events/checkpoint/read", key)).toEqual({ nextOrdinal: from });
    expect((await client.subscribe(key)).from).toBe(from);
  });

  it("can be deleted, and begins anew", async () => {
    const { checkpoints, lose } = losing();
    const made = await world({ checkpoints });
    const key = { threadId: await made.thread("one"), checkpoint: "mailer" };
    const client = await made.consumer();
    lose("mailer");
    await client.request("thread/events/checkpoint/delete", key);
    expect((await client.subscribe({ ...key, fromNow: true })).from).toBe(2);
  });
});

describe("a subscription with a checkpoint", () => {
  it("says which record it was told before the place that it keeps, also of what was acknowledged before", async () => {
    const kept = createMemoryCheckpoints();
    const saved: (readonly [number, RecordPlace | null | undefined])[] = [];
    const checkpoints: CheckpointStore = {
      ...kept,
      async save(key, nextOrdinal, after) {
        saved.push([nextOrdinal, after]);
        await kept.save(key, nextOrdinal);
      },
    };
    const made = await world({ checkpoints });
    const threadId = await made.thread("one", "two", "three");
    const client = await made.consumer();
    const places = await placesOf(client, threadId, 4);
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint: "mailer", from: 1 });
    await client.until(() => client.records(subscriptionId).length === 3);
    for (const nextOrdinal of [1, 3, 3, 2, 4]) await client.acknowledge(subscriptionId, nextOrdinal);
    expect(saved).toEqual([
      [1, places[0]],
      [1, places[0]],
      [3, places[2]],
      [3, places[2]],
      [2, null],
      [4, places[3]],
    ]);
  });

  it("ends when what it acknowledges isn't the log's any more", async () => {
    const kept = createMemoryCheckpoints();
    const checkpoints: CheckpointStore = {
      ...kept,
      async save({ name, threadId }) {
        const data = { threadId, checkpoint: name, ordinal: 1, nextOrdinal: 4 };
        throw fault("history_truncated", "another record", { data });
      },
    };
    const made = await world({ checkpoints });
    const threadId = await made.thread("one");
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, checkpoint: "mailer" });
    await client.until(() => client.records().length === 2);
    expect((await refusal(client.acknowledge(subscriptionId, 2))).data).toMatchObject({
      skeinCode: "history_truncated",
      ordinal: 1,
    });
    expect(client.endings(subscriptionId)).toEqual(["history of the thread was lost"]);
    expect(made.server.context.subscriptions.size).toBe(0);
  });
});

describe("a subscription whose store says that history was lost", () => {
  /** A server whose store can be made to say so. */
  async function told(options: FeedWorldOptions = {}) {
    const made = await world(options);
    const listeners = new Set<(event: StoreEvent) => void>();
    const subscribe = made.store.subscribe.bind(made.store);
    made.store.subscribe = (listener) => {
      listeners.add(listener);
      return subscribe(listener);
    };
    await made.restart(undefined);
    const lose = (threadId: string): void => {
      for (const listener of listeners) listener({ type: "truncated", threadId, nextOrdinal: 1 });
    };
    return { made, lose };
  }

  it("ends, also where its window is full and its feed was let go, and those of other threads don't", async () => {
    const clock = createManualClock();
    const { made, lose } = await told({ clock });
    const texts = Array.from({ length: 30 }, (_, index) => `${index}`);
    const [lostId, keptId] = [await made.thread(...texts), await made.thread(...texts)];
    const client = await made.consumer();
    const full = await client.subscribe({ threadId: lostId, window: 10 });
    const other = await client.subscribe({ threadId: keptId, window: 10 });
    const running = await client.subscribe({ threadId: lostId });
    await client.until(() => client.records().length === 10 + 10 + 31);
    await settle();
    await clock.run(1_000);
    expect(made.openFeeds).toBe(1);
    lose(lostId);
    await client.until(() => client.endings().length === 2);
    for (const { subscriptionId } of [full, running]) {
      expect(client.endings(subscriptionId)).toEqual(["history of the thread was lost"]);
    }
    await client.acknowledge(other.subscriptionId, 10);
    await client.until(() => client.records(other.subscriptionId).length === 20);
    expect(made.server.context.subscriptions.size).toBe(1);
  });

  it("ends where its feed was let go, and the log ends before what was sent, whatever the store says", async () => {
    const clock = createManualClock();
    const made = await world({ clock });
    const threadId = await made.thread(...Array.from({ length: 30 }, (_, index) => `${index}`));
    const client = await made.consumer();
    const { subscriptionId } = await client.subscribe({ threadId, window: 10 });
    await client.until(() => client.records().length === 10);
    await settle();
    await clock.run(1_000);
    expect(made.openFeeds).toBe(0);
    const loadHistory = made.store.loadHistory.bind(made.store);
    made.store.loadHistory = async (params) => {
      const page = await loadHistory(params);
      const records = page.records.filter(({ ordinal }) => ordinal < 5);
      return { ...page, records, isEnd: true, nextOrdinal: Math.max(params.from ?? 0, 5) };
    };
    await client.acknowledge(subscriptionId, 10);
    await client.until(() => client.endings().length === 1);
    expect(client.endings(subscriptionId)).toEqual(["history of the thread was lost"]);
    expect(client.records()).toHaveLength(10);
  });
});
