/**
 * What only the memory store has: the journal of calls, listeners that throw, and that two stores share
 * nothing.
 */
import { describe, expect, it } from "vitest";

import type { Logger } from "../../../src/base/index.ts";
import { LIMITS, silentLogger } from "../../../src/base/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { createSettableClock } from "../../../src/testing/index.ts";

const metadata = { cwd: "/work/place" };
const item = { type: "event_msg", payload: { type: "user_message", message: "hello" } } as const;
const unknownId = "019b0000-0000-7000-8000-0000000000ff";

describe("the journal", () => {
  it("records every call in order, with its time and how it ended", async () => {
    const clock = createSettableClock(1_000);
    const store = createMemoryThreadStore({ clock });
    const { writer } = await store.createThread({ metadata });
    clock.advance(5);
    await store.appendItems({ writer, items: [item] });
    await expect(store.readThread({ threadId: unknownId })).rejects.toThrow("not found");
    store.subscribe(() => {});
    await store.shutdownThread(writer);
    await store.close();
    expect(store.journal.map(({ method, atMs, outcome }) => [method, atMs, outcome.type])).toEqual([
      ["createThread", 1_000, "answered"],
      ["appendItems", 1_005, "answered"],
      ["readThread", 1_005, "refused"],
      ["subscribe", 1_005, "answered"],
      ["shutdownThread", 1_005, "answered"],
      ["close", 1_005, "answered"],
    ]);
    expect(store.journal[2]?.outcome).toEqual({ type: "refused", code: "thread_not_found" });
  });

  it("keeps the parameters as they were at the call", async () => {
    const store = createMemoryThreadStore();
    const { writer } = await store.createThread({ metadata });
    const payload = { type: "user_message", message: "before" };
    await store.appendItems({ writer, items: [{ type: "event_msg", payload }] });
    payload.message = "after";
    expect(store.journal[1]?.params).toEqual({
      writer,
      items: [{ type: "event_msg", payload: { type: "user_message", message: "before" } }],
    });
  });

  it("keeps the newest calls, as many as it was told to, and none when told so", async () => {
    const store = createMemoryThreadStore({ journalCallsMax: 2 });
    for (const limit of [1, 2, 3]) await store.listThreads({ limit });
    expect(store.journal.map(({ params }) => params)).toEqual([{ limit: 2 }, { limit: 3 }]);
    const forgetful = createMemoryThreadStore({ journalCallsMax: 0 });
    await forgetful.listThreads();
    expect(forgetful.journal).toEqual([]);
    expect(() => createMemoryThreadStore({ journalCallsMax: -1 })).toThrow("journalCallsMax");
    const byDefault = createMemoryThreadStore();
    for (let n = 0; n <= LIMITS.journalCallsMax; n += 1) byDefault.subscribe(() => {})();
    expect(byDefault.journal).toHaveLength(LIMITS.journalCallsMax);
  });

  it("records calls after the close as refused", async () => {
    const store = createMemoryThreadStore();
    await store.close();
    await expect(store.listThreads()).rejects.toMatchObject({ code: "runtime_closed" });
    expect(store.journal.at(-1)).toMatchObject({ method: "listThreads", outcome: { code: "runtime_closed" } });
  });

  it("is empty after it was cleared, and goes on from there", async () => {
    const store = createMemoryThreadStore();
    await store.listThreads();
    store.clearJournal();
    expect(store.journal).toEqual([]);
    await store.listThreads({ limit: 1 });
    expect(store.journal.map(({ params }) => params)).toEqual([{ limit: 1 }]);
  });

  it("keeps a call whose parameters can't be copied", async () => {
    const store = createMemoryThreadStore();
    const { writer } = await store.createThread({ metadata });
    const payload = { type: "user_message", message: () => "a function" };
    const append = store.appendItems({ writer, items: [{ type: "event_msg", payload }] });
    await expect(append).rejects.toMatchObject({ code: "invalid_argument" });
    expect(store.journal.at(-1)).toMatchObject({ method: "appendItems", outcome: { type: "refused" } });
  });
});

describe("a memory store", () => {
  it("tells the other listeners when one throws, and logs the error", async () => {
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (_fields, message) => errors.push(message) };
    const store = createMemoryThreadStore({ logger });
    const told: string[] = [];
    store.subscribe(() => {
      throw new Error("a bad listener");
    });
    store.subscribe((event) => told.push(event.type));
    const { writer } = await store.createThread({ metadata });
    await store.appendItems({ writer, items: [item] });
    expect(told).toEqual(["created", "appended", "appended"]);
    expect(errors).toHaveLength(3);
  });

  it("shares nothing with another one", async () => {
    const [one, other] = [createMemoryThreadStore(), createMemoryThreadStore()];
    const { writer } = await one.createThread({ metadata });
    await one.persistThread(writer);
    expect((await other.listThreads()).data).toEqual([]);
    const refused = other.appendItems({ writer, items: [item] });
    await expect(refused).rejects.toMatchObject({ code: "writer_closed" });
  });

  it("takes the ids and the time it is given", async () => {
    const ids = { next: () => unknownId };
    const store = createMemoryThreadStore({ ids, clock: createSettableClock(0) });
    const { writer } = await store.createThread({ metadata });
    await store.persistThread(writer);
    const thread = await store.readThread({ threadId: unknownId });
    expect([thread.createdAtMs, thread.updatedAtMs]).toEqual([0, 0]);
  });
});
