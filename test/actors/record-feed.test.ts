/**
 * How records reach a loaded thread: whether the store tells of them before or after the append is
 * answered, late, or not at all, each is folded once and in order.
 */
import { afterEach, describe, expect, test } from "vitest";

import { echoAgent } from "../../src/actors/index.ts";
import type { StoreEvent, ThreadStore } from "../../src/store/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { drainEventLoop } from "../../src/testing/manual-clock.ts";
import { type ActorFixture, fixtureOver, gate } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

/** A store that hands its events to `pass` instead of telling them itself. */
function tellingBy(inner: ThreadStore, pass: (tell: () => void, event: StoreEvent) => void): ThreadStore {
  return new Proxy(inner, {
    get(target, member) {
      if (member === "subscribe") {
        return (listener: (event: StoreEvent) => void) =>
          inner.subscribe((event) => pass(() => listener(event), event));
      }
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function open(store: ThreadStore): ActorFixture {
  fixture = fixtureOver({ store, close: () => store.close() }, { agent: echoAgent() });
  return fixture;
}

describe("records of a store", () => {
  test.each<[string, (tell: () => void) => void]>([
    ["that tells before it answers", (tell) => tell()],
    ["that tells after it answered", (tell) => void setImmediate(tell)],
    ["that never tells", () => {}],
  ])("%s are folded once, before the caller hears of them", async (_when, pass) => {
    const { manager } = open(tellingBy(createMemoryThreadStore(), pass));
    const thread = await manager.start();
    for (const text of ["one", "two"]) {
      const ended = await (await thread.startTurn(text)).completed;
      expect(ended).toMatchObject({ status: "completed", items: [{ type: "userMessage" }, { type: "agentMessage" }] });
    }
    await drainEventLoop();
    expect(thread.snapshot()).toMatchObject({ nextOrdinal: 17, thread: { turns: [{}, {}] } });
    expect(thread.modelContext()).toHaveLength(4);
    await thread.rollback(1);
    expect(thread.snapshot().thread.turns).toHaveLength(1);
  });

  test("whose news was lost are read before what follows them", async () => {
    const inner = createMemoryThreadStore();
    let isDeaf = false;
    const { manager, store } = open(tellingBy(inner, (tell) => void (isDeaf || tell())));
    const thread = await manager.start();
    await (
      await thread.startTurn("one")
    ).completed;
    isDeaf = true;
    await store.updateThreadMetadata({ threadId: thread.id, patch: { git: { branch: "lost" } } });
    isDeaf = false;
    await store.updateThreadMetadata({ threadId: thread.id, patch: { memoryMode: "disabled" } });
    await drainEventLoop();
    expect(thread.snapshot()).toMatchObject({ nextOrdinal: 11, thread: { gitInfo: { branch: "lost" } } });
  });

  test("that another caller appends while the thread opens are not missed", async () => {
    const inner = createMemoryThreadStore();
    const first = open(inner);
    const made = await first.manager.start();
    await (
      await made.startTurn("one")
    ).completed;
    await made.close();
    const held = gate();
    const slow = new Proxy(inner, {
      get(target, member) {
        const value: unknown = Reflect.get(target, member, target);
        if (member === "loadHistory") {
          return async (params: Parameters<ThreadStore["loadHistory"]>[0]) => {
            const page = await target.loadHistory(params);
            await held.opened;
            return page;
          };
        }
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    const second = fixtureOver({ store: slow, close: async () => {} }, { agent: echoAgent() });
    const opening = second.manager.resume(made.id);
    await drainEventLoop();
    await inner.updateThreadMetadata({ threadId: made.id, patch: { name: "n", memoryMode: "disabled" } });
    held.open();
    const thread = await opening;
    expect(thread.snapshot()).toMatchObject({ nextOrdinal: 10, thread: { name: "n" } });
    await second.manager.shutdown();
  });

  test("are read in bounded pages when a long thread opens", async () => {
    const store = createMemoryThreadStore();
    const { manager } = open(store);
    const item = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
    const made = await manager.resumeFromHistory(Array.from({ length: 12_000 }, (_, index) => item(String(index))));
    await made.close();
    store.clearJournal();
    const thread = await manager.resume(made.id);
    expect(thread.modelContext()).toHaveLength(12_000);
    expect(store.journal.filter((call) => call.method === "loadHistory")).toHaveLength(2);
  });
});
