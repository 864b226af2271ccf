/**
 * A shutdown in the middle of things: what is being made is refused and undone before the store may
 * close, and when the time is over everybody who waits is answered and what didn't finish is named.
 */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { echoAgent, scriptedAgent, type ThreadHandle, type ThreadManager } from "../../src/actors/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock, drainEventLoop, type ManualClock } from "../../src/testing/manual-clock.ts";
import { diskFull, faultyThreadStore, type FaultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, fixtureOver, gate, refusalOf } from "./actor-fixture.ts";

const RELEASES = Array.from({ length: 24 }, (_, turns) => turns);
const HISTORY = [{ type: "message", role: "user", content: [{ type: "input_text", text: "earlier" }] }];

type Making = (manager: ThreadManager, sourceId: string) => Promise<unknown>;

const MAKINGS: readonly (readonly [string, Making])[] = [
  ["a fork", (manager, id) => manager.fork(id)],
  ["a detached review", (manager, id) => manager.review(id, { type: "uncommittedChanges" }, { delivery: "detached" })],
  ["a thread of a history", (manager) => manager.resumeFromHistory(HISTORY)],
  ["a start", (manager) => manager.start()],
];

/** So many turns of the event loop later; each lets what waits for the disk go one step on. */
async function loopTurns(count: number): Promise<void> {
  for (let turns = 0; turns < count; turns += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("a shutdown, then the store's end, while a thread is made on a disk", () => {
  let home = "";
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "skein-shutdown-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const files = (): string[] =>
    readdirSync(home, { recursive: true, encoding: "utf8" }).filter((path) => /\.(jsonl|tmp|fork-tmp)/.test(path));

  test.each(MAKINGS)("%s is either handed out or leaves nothing, whenever it is cut short", async (_title, make) => {
    for (const turns of RELEASES) {
      const store = await openLocalThreadStore({ home });
      const { manager } = fixtureOver({ store, close: async () => {} }, { agent: echoAgent() });
      const source = await manager.start();
      await (
        await source.startTurn("hello")
      ).completed;
      const before = files();
      const making = make(manager, source.id).then(
        (made) => ({ made }),
        (error: unknown) => ({ error }),
      );
      await loopTurns(turns);
      const report = await manager.shutdown({ timeoutMs: 60_000 });
      await store.close();
      const outcome = await making;
      if ("error" in outcome) {
        expect(outcome.error).toMatchObject({ code: "runtime_closed" });
        expect(files()).toEqual(before);
      } else {
        const { id, reviewThreadId } = outcome.made as Partial<ThreadHandle & { reviewThreadId: string }>;
        expect(report.completed).toContain(id ?? reviewThreadId);
      }
      expect(report).toMatchObject({ failed: [], timedOut: [], unfinished: [] });
      rmSync(home, { recursive: true });
    }
  });
});

describe("a shutdown whose time is over", () => {
  let fixture: ActorFixture<FaultyThreadStore>;
  let clock: ManualClock;
  const held = gate();

  function open(store: ThreadStore, agent = echoAgent()): void {
    fixture = fixtureOver({ store: faultyThreadStore(store), close: () => store.close() }, { agent }, clock);
  }
  beforeEach(() => {
    clock = createManualClock();
  });

  /** A store one of whose methods never answers. */
  function hanging(method: keyof ThreadStore): ThreadStore {
    const store = createMemoryThreadStore({ clock });
    return new Proxy(store, {
      get(target, member) {
        if (member === method) return () => held.opened;
        const value: unknown = Reflect.get(target, member, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }

  test("names a creation that hangs, and refuses its caller", async () => {
    open(hanging("createThread"));
    const starting = refusalOf(fixture.manager.start());
    const shutdown = fixture.manager.shutdown({ timeoutMs: 500 });
    await clock.run(500);
    expect(await shutdown).toEqual({
      completed: [],
      failed: [],
      timedOut: [],
      unfinished: [{ call: "start", threadId: null }],
    });
    expect(await starting).toMatchObject({ code: "runtime_closed", kind: "fault" });
  });

  test("answers a turn's start, what waits behind it, and a resume", async () => {
    open(createMemoryThreadStore({ clock }));
    const { manager, store } = fixture;
    const stored = await manager.start();
    await stored.materialize();
    await stored.close();
    const thread = await manager.start();
    store.planAppend(1, { type: "hold", until: held.opened });
    const running = refusalOf(thread.startTurn("never acknowledged"));
    const waiting = refusalOf(thread.flush());
    const closing = refusalOf(thread.close());
    const shutdown = manager.shutdown({ timeoutMs: 500 });
    await clock.run(500);
    expect(await shutdown).toMatchObject({ timedOut: [thread.id] });
    expect(await running).toMatchObject({ code: "runtime_closed" });
    expect(await waiting).toMatchObject({ code: "thread_closed" });
    expect(await closing).toMatchObject({ code: "runtime_closed" });
    expect(await refusalOf(manager.resume(stored.id))).toMatchObject({ code: "runtime_closed" });
    expect(fixture.events.at(-1)).toEqual({ type: "thread_unloaded", threadId: thread.id, reason: "closed" });
  });

  test("tells who awaits a turn that it was left behind, once", async () => {
    open(createMemoryThreadStore({ clock }), scriptedAgent({ turns: [[{ untilAborted: true }]] }));
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    const late = gate();
    fixture.store.planAppend(1, { type: "hold", until: late.opened });
    const shutdown = fixture.manager.shutdown({ timeoutMs: 500 });
    await clock.run(500);
    expect(await shutdown).toMatchObject({ timedOut: [thread.id] });
    expect(await turn.completed).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("let go") },
    });
    late.open();
    await drainEventLoop();
    expect(fixture.signals(thread.id).filter(({ type }) => type === "turn_completed")).toHaveLength(1);
  });

  test.each([-1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY, "5", null])("is refused as %s", async (timeoutMs) => {
    open(createMemoryThreadStore({ clock }));
    const thread = await fixture.manager.start();
    const options = { timeoutMs: timeoutMs as number };
    await expect(fixture.manager.shutdown(options)).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(fixture.manager.shutdown({ timeout: 5 } as object)).rejects.toThrow("timeout");
    // Nothing was closed by that.
    expect((await (await thread.startTurn("go")).completed).status).toBe("completed");
    expect(await fixture.manager.shutdown()).toMatchObject({ completed: [thread.id] });
  });
});

describe("a detached review that can't begin", () => {
  test("leaves no fork behind", async () => {
    const clock = createManualClock();
    const store = faultyThreadStore(createMemoryThreadStore({ clock }));
    const { manager } = fixtureOver({ store, close: () => store.close() }, { agent: echoAgent() }, clock);
    const thread = await manager.start();
    await (
      await thread.startTurn("hello")
    ).completed;
    store.planAppend(1, { type: "before", error: diskFull() });
    const review = manager.review(thread.id, { type: "uncommittedChanges" }, { delivery: "detached" });
    await expect(review).rejects.toMatchObject({ code: "disk_full" });
    expect((await store.listThreads()).data.map(({ id }) => id)).toEqual([thread.id]);
    expect(manager.listLoaded()).toEqual([thread.id]);
  });
});
