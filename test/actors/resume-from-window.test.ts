/**
 * Resume and fork without old turns' items: what is read of the log, what is shown, and when the rest of
 * it is read after all.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { scriptedAgent, type ThreadHandle } from "../../src/actors/index.ts";
import type { ThreadStore, ThreadWindow } from "../../src/store/index.ts";
import { createMemoryThreadStore, type MemoryThreadStore } from "../../src/store/memory/index.ts";
import { diskFull, faultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, fixtureOver, refusalOf } from "./actor-fixture.ts";

let store: MemoryThreadStore;
let fixture: ActorFixture;
/** Of the thread that `compacted` made. */
let ids: readonly string[] = [];

beforeEach(() => {
  store = createMemoryThreadStore();
  fixture = over(store);
});
afterEach(async () => await fixture.close());

function over(inner: ThreadStore): ActorFixture {
  const agent = scriptedAgent({ turns: [], otherwise: [{ say: "said" }, { usage: { input_tokens: 5 } }] });
  return fixtureOver({ store: inner, close: async () => await inner.close() }, { agent });
}

async function run(thread: ThreadHandle, text: string): Promise<string> {
  const turn = await thread.startTurn(text);
  await turn.completed;
  return turn.turnId;
}

/** The id of a stored thread with the turns one, two, a compaction, three. */
async function compacted(): Promise<string> {
  const thread = await fixture.manager.start();
  const before = [await run(thread, "one"), await run(thread, "two")];
  const compaction = await thread.compact();
  await compaction.completed;
  ids = [...before, compaction.turnId, await run(thread, "three")];
  await thread.close();
  store.clearJournal();
  return thread.id;
}

/** First ordinals of the history pages that were asked for since the journal was cleared. */
function readFrom(): readonly number[] {
  return store.journal.flatMap(({ method, params }) =>
    method === "loadHistory" ? [(params as { readonly from: number }).from] : [],
  );
}

function viewsOf(thread: ThreadHandle): readonly string[] {
  return thread.snapshot().thread.turns.map(({ itemsView, items }) => `${itemsView} ${items.length}`);
}

function textOf(thread: ThreadHandle): string {
  return JSON.stringify(thread.modelContext());
}

/** Where the window of a thread begins. */
async function windowStart(threadId: string): Promise<number> {
  const start = (await store.loadWindow(threadId))?.place.nextOrdinal ?? 0;
  store.clearJournal();
  expect(start).toBeGreaterThan(1);
  return start;
}

describe("a thread resumed with excludeTurns", () => {
  test("reads its log from the last compaction's turn on", async () => {
    const id = await compacted();
    const start = await windowStart(id);
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    expect(readFrom()).toEqual([start]);
    expect(thread.snapshot().thread.turns.map((turn) => turn.id)).toEqual(ids);
    expect(viewsOf(thread)).toEqual(["notLoaded 0", "notLoaded 0", "full 1", "full 2"]);
    expect(thread.snapshot().thread).toMatchObject({ id, preview: "one", status: { type: "idle" } });
  });

  test("goes on as if it had read all: context, usage and the ids of items", async () => {
    const id = await compacted();
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    await run(thread, "four");
    const records = await fixture.records(id);
    const usage = records.flatMap(({ item }) =>
      item.type === "event_msg" && item.payload.type === "token_count" ? [item.payload["info"]] : [],
    );
    expect(usage.at(-1)).toMatchObject({ total_token_usage: { input_tokens: 25 } });
    const shown = thread.snapshot().thread.turns.at(-1);
    const { turns } = await fixture.manager.read(id, { includeTurns: true });
    expect(turns.at(-1)).toEqual(shown);
    expect(turns.map((turn) => turn.itemsView)).toEqual(["full", "full", "full", "full", "full"]);
  });

  test("rolls back inside its window without reading more", async () => {
    const id = await compacted();
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    store.clearJournal();
    await thread.rollback(1);
    expect(readFrom()).toEqual([]);
    expect(textOf(thread)).not.toContain("three");
    expect(viewsOf(thread)).toEqual(["notLoaded 0", "notLoaded 0", "full 1"]);
  });

  test("reads all of its log to bring back what a compaction replaced", async () => {
    const id = await compacted();
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    store.clearJournal();
    await thread.revert(ids[1] ?? "");
    expect(readFrom()).toEqual([0]);
    expect(viewsOf(thread)).toEqual(["full 2"]);
    expect(textOf(thread)).toContain("one");
    expect(textOf(thread)).not.toContain("two");
  });

  test("records no rollback when what it brings back can't be read", async () => {
    const faulty = faultyThreadStore(store);
    await fixture.manager.shutdown();
    fixture = over(faulty);
    const id = await compacted();
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    const before = await fixture.records(id);
    faulty.planFailures("loadHistory", [diskFull()]);
    expect(await refusalOf(thread.rollback(3))).toMatchObject({ code: "disk_full" });
    expect(await fixture.records(id)).toEqual(before);
    expect(thread.snapshot()).toMatchObject({ state: "idle", nextOrdinal: before.length });
    await thread.rollback(3);
    expect(viewsOf(thread)).toEqual(["full 2"]);
  });

  test("gets the items of its old turns when it is resumed again without", async () => {
    const id = await compacted();
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    expect(await fixture.manager.resume(id, { excludeTurns: true })).toBe(thread);
    expect(viewsOf(thread)[0]).toBe("notLoaded 0");
    expect(await fixture.manager.resume(id)).toBe(thread);
    expect(viewsOf(thread)).toEqual(["full 2", "full 2", "full 1", "full 2"]);
  });

  test("reads all of a log that has no compaction", async () => {
    const thread = await fixture.manager.start();
    await run(thread, "one");
    await thread.close();
    store.clearJournal();
    const again = await fixture.manager.resume(thread.id, { excludeTurns: true });
    expect(readFrom()).toEqual([0]);
    expect(viewsOf(again)).toEqual(["full 2"]);
  });

  test("reads all of a log that is shorter than its window says", async () => {
    const id = await compacted();
    const longer: ThreadStore = new Proxy(store, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target);
        if (member === "loadWindow") {
          return async (threadId: string): Promise<ThreadWindow | null> => {
            const window = await target.loadWindow(threadId);
            return window === null ? null : { ...window, endOrdinal: window.endOrdinal + 1 };
          };
        }
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
    await fixture.manager.shutdown();
    fixture = over(longer);
    const thread = await fixture.manager.resume(id, { excludeTurns: true });
    expect(readFrom().at(-1)).toBe(0);
    expect(viewsOf(thread)[0]).toBe("full 2");
  });

  test.each(["yes", null, 1])("refuses %s for a flag", async (excludeTurns) => {
    const id = await compacted();
    const options = { excludeTurns } as never;
    expect(await refusalOf(fixture.manager.resume(id, options))).toMatchObject({ code: "invalid_argument" });
    expect(await refusalOf(fixture.manager.fork(id, options))).toMatchObject({ code: "invalid_argument" });
  });
});

describe("a fork of a stored thread that was compacted", () => {
  test("copies all of it, and reads nothing of the source", async () => {
    const id = await compacted();
    const source = await fixture.records(id);
    store.clearJournal();
    const fork = await fixture.manager.fork(id, { excludeTurns: true });
    const start = await windowStart(id);
    const forked = await fixture.records(fork.id);
    expect(forked.slice(1).map(({ item }) => item)).toEqual(source.map(({ item }) => item));
    expect(viewsOf(fork)).toEqual(["notLoaded 0", "notLoaded 0", "full 1", "full 2"]);
    expect(await windowStart(fork.id)).toBe(start + 1);
  });

  test("reads from windows alone, the source's only where a turn is named", async () => {
    const id = await compacted();
    const start = await windowStart(id);
    await fixture.manager.fork(id, { excludeTurns: true });
    expect(readFrom()).toEqual([start + 1]);
    store.clearJournal();
    const fork = await fixture.manager.fork(id, { beforeTurnId: ids[1] ?? "", excludeTurns: true });
    // The fork holds no compaction: all of it is read.
    expect(readFrom()).toEqual([start, 0]);
    expect(viewsOf(fork)).toEqual(["full 2"]);
    expect(await refusalOf(fixture.manager.fork(id, { beforeTurnId: "nobody" }))).toMatchObject({
      code: "turn_not_found",
    });
  });

  test("of one that is loaded by its outline is cut before any turn", async () => {
    const id = await compacted();
    await fixture.manager.resume(id, { excludeTurns: true });
    store.clearJournal();
    const fork = await fixture.manager.fork(id, { beforeTurnId: ids[1] ?? "" });
    expect(readFrom()).toEqual([0]);
    expect(viewsOf(fork)).toEqual(["full 2"]);
    expect(
      fixture.manager
        .get(id)
        ?.snapshot()
        .thread.turns.map(({ itemsView }) => itemsView),
    ).toEqual(["notLoaded", "notLoaded", "full", "full"]);
  });
});
