/**
 * The lifecycle of loaded threads: every state of the machine is entered and left, the mailbox is
 * bounded, idle threads are unloaded in time, and closing is final.
 */
import { afterEach, describe, expect, test } from "vitest";

import { echoAgent, scriptedAgent } from "../../src/actors/index.ts";
import { LIMITS } from "../../src/base/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock } from "../../src/testing/manual-clock.ts";
import { diskFull, faultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, fixtureOver, gate, openFixture, refusalOf } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

function states(threadId: string): string[] {
  return fixture.signals(threadId).flatMap((signal) => (signal.type === "status_changed" ? [signal.state] : []));
}

describe("the states", () => {
  test("a turn, a review and a compaction each have their own, and end in idle", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("hello")
    ).completed;
    await (
      await thread.review({ type: "uncommittedChanges" })
    ).completed;
    await (
      await thread.compact()
    ).completed;
    await thread.close();
    expect(states(thread.id)).toEqual([
      "turnRunning",
      "idle",
      "reviewing",
      "idle",
      "compacting",
      "idle",
      "closing",
      "closed",
    ]);
  });

  test.each(["turn", "review", "compact"] as const)(
    "a fault in a %s goes over failed and opening back to idle",
    async (task) => {
      const clock = createManualClock();
      const store = faultyThreadStore(createMemoryThreadStore({ clock }));
      fixture = fixtureOver({ store, close: () => store.close() }, { agent: echoAgent() }, clock);
      const thread = await fixture.manager.start();
      store.planAppend(2, { type: "before", error: diskFull() });
      const begin = {
        turn: () => thread.startTurn("x"),
        review: () => thread.review({ type: "uncommittedChanges" }),
        compact: () => thread.compact(),
      };
      const turn = await begin[task]();
      await clock.run(10_000);
      await turn.completed;
      const running = { turn: "turnRunning", review: "reviewing", compact: "compacting" }[task];
      expect(states(thread.id)).toEqual([running, "failed", "opening", "idle"]);
    },
  );

  test("events of a thread lie between its loading and its unloading", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("hello")
    ).completed;
    await thread.close();
    const types = fixture.events.map((event) => event.type);
    expect(types[0]).toBe("thread_loaded");
    expect(types.at(-1)).toBe("thread_unloaded");
    expect(types.filter((type) => type !== "signal")).toHaveLength(2);
  });
});

describe("the mailbox", () => {
  test("refuses what doesn't fit with both numbers, keeps what waits in order", async () => {
    const clock = createManualClock();
    const store = faultyThreadStore(createMemoryThreadStore({ clock }));
    fixture = fixtureOver({ store, close: () => store.close() }, { agent: echoAgent() }, clock);
    const thread = await fixture.manager.start();
    const held = gate();
    store.planAppend(1, { type: "hold", until: held.opened });
    const item = (text: string): object => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
    const max = LIMITS.mailboxCommandsMax;
    const sent = Array.from({ length: max + 1 }, (_, index) =>
      thread.injectItems([item(String(index)) as { type: string }]),
    );
    await expect(thread.injectItems([item("no") as { type: string }])).rejects.toMatchObject({
      code: "mailbox_full",
      data: { waiting: max, waitingMax: max },
    });
    held.open();
    await Promise.all(sent);
    const texts = thread.modelContext().map((entry) => JSON.stringify(entry["content"]));
    expect(texts).toHaveLength(max + 1);
    expect(texts[max]).toContain(`"${max}"`);
  });

  test("refuses what waits when the thread closes; what runs is finished", async () => {
    const clock = createManualClock();
    const store = faultyThreadStore(createMemoryThreadStore({ clock }));
    fixture = fixtureOver(
      { store, close: () => store.close() },
      { agent: scriptedAgent({ turns: [[{ untilAborted: true }]] }) },
      clock,
    );
    const thread = await fixture.manager.start();
    const held = gate();
    store.planAppend(1, { type: "hold", until: held.opened });
    const running = thread.startTurn("runs");
    const waiting = thread.injectItems([{ type: "message", role: "user", content: [] }]);
    const refused = refusalOf(waiting);
    const closed = thread.close();
    held.open();
    const turn = await running;
    expect(await refused).toMatchObject({ code: "thread_closed" });
    await closed;
    // The id was handed out: the turn ran, and its end is recorded.
    expect((await turn.completed).status).toBe("interrupted");
    expect((await fixture.kinds(thread.id)).at(-1)).toBe("event_msg:turn_aborted");
  });
});

describe("an idle thread", () => {
  test("is unloaded after the time, and answers thread_closed; resumed it is as it was", async () => {
    fixture = await openFixture({ agent: echoAgent(), idleUnloadMs: 1_000 });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("hello")
    ).completed;
    await fixture.clock.run(999);
    expect(fixture.manager.listLoaded()).toEqual([thread.id]);
    await fixture.clock.run(1);
    expect(fixture.manager.listLoaded()).toEqual([]);
    expect(fixture.events.at(-1)).toEqual({ type: "thread_unloaded", threadId: thread.id, reason: "idle" });
    await expect(thread.startTurn("x")).rejects.toMatchObject({ code: "thread_closed" });
    const again = await fixture.manager.resume(thread.id);
    expect(again.snapshot().thread.turns).toEqual(thread.snapshot().thread.turns);
  });

  test("stays for the time from its last use, not from its loading", async () => {
    fixture = await openFixture({ agent: echoAgent(), idleUnloadMs: 1_000 });
    const thread = await fixture.manager.start();
    for (let times = 0; times < 3; times += 1) {
      await fixture.clock.run(900);
      await thread.injectItems([{ type: "message", role: "user", content: [] }]);
    }
    expect(fixture.manager.listLoaded()).toEqual([thread.id]);
    await fixture.clock.run(1_000);
    expect(fixture.manager.listLoaded()).toEqual([]);
  });

  test("stays while somebody follows it, and goes when nobody does any more", async () => {
    let hasSubscribers = true;
    fixture = await openFixture({ agent: echoAgent(), idleUnloadMs: 1_000, hasSubscribers: () => hasSubscribers });
    await fixture.manager.start();
    await fixture.clock.run(5_000);
    expect(fixture.manager.listLoaded()).toHaveLength(1);
    hasSubscribers = false;
    await fixture.clock.run(1_000);
    expect(fixture.manager.listLoaded()).toHaveLength(0);
  });

  test("a running turn is never unloaded, and with null nothing is", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ untilAborted: true }]] }), idleUnloadMs: 10 });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await fixture.clock.run(1_000);
    expect(thread.snapshot().state).toBe("turnRunning");
    await thread.interrupt(turn.turnId);
    await fixture.close();
    fixture = await openFixture({ agent: echoAgent(), idleUnloadMs: null });
    await fixture.manager.start();
    expect(fixture.clock.pendingTimers()).toBe(0);
  });

  test("stays when the look for subscribers throws", async () => {
    const hasSubscribers = (): boolean => {
      throw new Error("broken");
    };
    fixture = await openFixture({ agent: echoAgent(), idleUnloadMs: 10, hasSubscribers });
    await fixture.manager.start();
    await fixture.clock.run(100);
    expect(fixture.manager.listLoaded()).toHaveLength(1);
  });
});

describe("closing", () => {
  test("is idempotent, interrupts what runs, and records it", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ hang: true }]] }) });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await Promise.all([thread.close(), thread.close()]);
    await thread.close();
    expect((await turn.completed).status).toBe("interrupted");
    expect(thread.snapshot()).toMatchObject({ state: "closed", thread: { status: { type: "notLoaded" } } });
    const calls = [
      () => thread.startTurn("x"),
      () => thread.steer(turn.turnId, "x"),
      () => thread.interrupt(turn.turnId),
      () => thread.compact(),
      () => thread.review({ type: "uncommittedChanges" }),
      () => thread.injectItems([{ type: "message", role: "user", content: [] }]),
      () => thread.rollback(1),
      () => thread.revert("x"),
      () => thread.updateMetadata({ name: "n" }),
      () => thread.materialize(),
      () => thread.flush(),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "thread_closed" });
  });

  test("of a thread that was never used leaves no trace", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    await thread.close();
    expect((await fixture.store.listThreads()).data).toEqual([]);
    await expect(fixture.manager.resume(thread.id)).rejects.toMatchObject({ code: "thread_not_found" });
  });
});
