/**
 * A store that fails: nothing is half announced, a turn id that was handed out keeps its meaning, and
 * the thread opens again from its log, with back-off and within bounds.
 */
import { afterEach, describe, expect, test } from "vitest";

import { type Agent, echoAgent, scriptedAgent } from "../../src/actors/index.ts";
import { fault, rejection, type SkeinError } from "../../src/base/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/manual-clock.ts";
import { diskFull, faultyThreadStore, type FaultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, eventsOf, fixtureOver, gate, refusalOf, until } from "./actor-fixture.ts";

let fixture: ActorFixture<FaultyThreadStore>;
afterEach(async () => await fixture.close());

function openFaulty(agent: Agent, options: { attemptsMax?: number } = {}): ActorFixture<FaultyThreadStore> {
  const clock = createManualClock();
  const store = faultyThreadStore(createMemoryThreadStore({ clock }));
  const restart = { backoffMs: 100, backoffMaxMs: 1_000, ...options };
  return fixtureOver({ store, close: () => store.close() }, { agent, restart }, clock);
}

const broken = (): Error => fault("io_error", "the disk went away");

describe("the k-th append of a thread fails", () => {
  const cases = [1, 2, 3, 4, 5, 6].flatMap((nth) => [
    { nth, type: "before" as const },
    { nth, type: "after" as const },
  ]);

  test.each(cases)("append $nth fails ($type the write): what was announced is in the log", async ({ nth, type }) => {
    fixture = openFaulty(echoAgent());
    const { manager, store, clock } = fixture;
    const thread = await manager.start();
    await thread.materialize();
    store.planAppend(nth, { type, error: diskFull() });
    const handedOut: string[] = [];
    for (let turns = 0; turns < 3; turns += 1) {
      try {
        const turn = await thread.startTurn(`turn ${turns}`);
        handedOut.push(turn.turnId);
        await until(() => thread.snapshot().state !== "turnRunning");
        await clock.run(1_000);
        await turn.completed;
      } catch (error) {
        expect(error).toMatchObject({ code: "disk_full" });
        await clock.run(1_000);
      }
    }
    expect(thread.snapshot().state).toBe("idle");
    const records = await fixture.records(thread.id);
    const logged = JSON.stringify(records);
    const started = eventsOf(records, "task_started").map((event) => event["turn_id"]);
    expect(started).toEqual(expect.arrayContaining(handedOut));
    for (const signal of fixture.signals(thread.id)) {
      if (signal.type === "turn_started") expect(started).toContain(signal.turnId);
      if (signal.type === "item_completed" && signal.item.type === "agentMessage") {
        expect(logged).toContain(JSON.stringify(signal.item.text));
      }
      if (signal.type === "turn_completed") expect(signal.turn.status).not.toBe("inProgress");
    }
    // Each turn that began was told to end, exactly once.
    const ended = fixture
      .signals(thread.id)
      .flatMap((signal) => (signal.type === "turn_completed" ? [signal.turn.id] : []));
    expect(ended).toEqual(handedOut);
    expect(thread.snapshot().nextOrdinal).toBe(records.length);
  });
});

describe("a turn whose store fails", () => {
  test("start gets the fault, hands out no id, and leaves no record", async () => {
    fixture = openFaulty(echoAgent());
    const thread = await fixture.manager.start();
    fixture.store.planAppend(1, { type: "before", error: diskFull() });
    await expect(thread.startTurn("go")).rejects.toMatchObject({ code: "disk_full", retryable: true });
    expect(fixture.signals(thread.id).map((signal) => signal.type)).not.toContain("turn_started");
    await fixture.clock.run(100);
    const ended = await (await thread.startTurn("again")).completed;
    expect(ended.status).toBe("completed");
    expect((await fixture.kinds(thread.id))[0]).toBe("session_meta");
  });

  test("in its middle has failed for who awaits it, with the fault, and reads as interrupted after the restart", async () => {
    fixture = openFaulty(scriptedAgent({ turns: [[{ say: "lost" }]] }));
    const thread = await fixture.manager.start();
    fixture.store.planAppend(2, { type: "before", error: diskFull() });
    const turn = await thread.startTurn("go");
    await until(() => thread.snapshot().state === "failed");
    expect(thread.snapshot()).toMatchObject({
      failure: expect.stringContaining("no space left"),
      thread: { status: { type: "systemError" } },
    });
    await fixture.clock.run(100);
    const lost = {
      id: turn.turnId,
      status: "failed",
      error: { message: expect.stringContaining("no space left") },
      items: [{ type: "userMessage" }],
    };
    expect(await turn.completed).toMatchObject(lost);
    expect(fixture.signals(thread.id).at(-1)).toMatchObject({ type: "turn_completed", turn: lost });
    // The restart appended nothing.
    expect((await fixture.kinds(thread.id)).at(-1)).toBe("event_msg:user_message");
    expect((await (await thread.startTurn("next")).completed).status).toBe("completed");
    expect(thread.snapshot().thread.turns.map(({ status }) => status)).toEqual(["interrupted", "completed"]);
  });

  test("whose acknowledgement was lost at the end reads as completed: the log says so", async () => {
    fixture = openFaulty(echoAgent());
    const thread = await fixture.manager.start();
    fixture.store.planAppend(3, { type: "after", error: diskFull() });
    const turn = await thread.startTurn("go");
    await until(() => thread.snapshot().state === "failed");
    await fixture.clock.run(100);
    expect((await turn.completed).status).toBe("completed");
  });

  test("tells who interrupts it the store's fault", async () => {
    fixture = openFaulty(scriptedAgent({ turns: [[{ untilAborted: true }]] }));
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    fixture.store.planAppend(1, { type: "before", error: diskFull() });
    await expect(thread.interrupt(turn.turnId)).rejects.toMatchObject({ code: "disk_full" });
    await fixture.clock.run(100);
    expect(await turn.completed).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("no space left") },
    });
  });

  test("under a steering message stops its agent", async () => {
    const agent = scriptedAgent({ turns: [[{ untilAborted: true }]] });
    fixture = openFaulty(agent);
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    fixture.store.planAppend(1, { type: "before", error: diskFull() });
    await expect(thread.steer(turn.turnId, "x")).rejects.toMatchObject({ code: "disk_full" });
    expect(agent.requests[0]?.signal.aborted).toBe(true);
    await fixture.clock.run(100);
    expect(await turn.completed).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("no space left") },
    });
  });
});

describe("a failed thread", () => {
  test("gives the running command the fault and the waiting ones a retryable refusal", async () => {
    fixture = openFaulty(echoAgent());
    const thread = await fixture.manager.start();
    const held = gate();
    fixture.store.planAppend(1, { type: "hold", until: held.opened.then(() => Promise.reject(diskFull())) });
    const running = thread.startTurn("one");
    const waiting = thread.injectItems([{ type: "message", role: "user", content: [] }]);
    held.open();
    await expect(running).rejects.toMatchObject({ code: "disk_full" });
    await expect(waiting).rejects.toMatchObject({
      code: "thread_failed",
      retryable: true,
      data: { cause: "disk_full" },
    });
    await expect(thread.flush()).rejects.toMatchObject({ code: "thread_failed", retryable: true });
  });

  test("is opened again after a wait that doubles, and stays failed when the bound is reached", async () => {
    fixture = openFaulty(echoAgent(), { attemptsMax: 3 });
    const { manager, store, clock } = fixture;
    const thread = await manager.start();
    await thread.materialize();
    store.planAppend(1, { type: "before", error: diskFull() });
    store.planFailures("resumeThread", Array.from({ length: 3 }, diskFull));
    await expect(thread.startTurn("go")).rejects.toMatchObject({ code: "disk_full" });
    const waits: (number | undefined)[] = [];
    for (let restarts = 0; restarts < 3; restarts += 1) {
      waits.push(clock.nextTimerInMs());
      await clock.run(clock.nextTimerInMs() ?? 0);
    }
    expect(waits).toEqual([100, 200, 400]);
    await expect(thread.startTurn("go")).rejects.toMatchObject({ code: "thread_failed", retryable: false });
    expect(fixture.events.at(-1)).toEqual({ type: "thread_unloaded", threadId: thread.id, reason: "failed" });
    expect(manager.get(thread.id)).toBeUndefined();
    // The manager opens it anew, and the old handle stays what it was.
    const again = await manager.resume(thread.id);
    expect((await (await again.startTurn("go")).completed).status).toBe("completed");
    await expect(thread.startTurn("go")).rejects.toMatchObject({ code: "thread_failed" });
    await thread.close();
    await expect(thread.startTurn("go")).rejects.toMatchObject({ code: "thread_closed" });
    expect((await (await again.startTurn("still")).completed).status).toBe("completed");
  });

  test("counts its restarts anew once something was recorded again", async () => {
    fixture = openFaulty(echoAgent(), { attemptsMax: 1 });
    const thread = await fixture.manager.start();
    for (let times = 0; times < 3; times += 1) {
      fixture.store.planAppend(1, { type: "before", error: diskFull() });
      await expect(thread.injectItems([{ type: "message", role: "user", content: [] }])).rejects.toMatchObject({
        code: "disk_full",
      });
      await fixture.clock.run(100);
      await thread.injectItems([{ type: "message", role: "user", content: [] }]);
    }
    expect(thread.snapshot()).toMatchObject({ state: "idle", nextOrdinal: 4 });
  });

  test("is not failed again by an append of its earlier writer that fails late", async () => {
    const held = gate();
    const late = gate();
    fixture = openFaulty(scriptedAgent({ turns: [[{ waitFor: held.opened }, { say: "x" }]] }));
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    fixture.store.planAppend(1, {
      type: "hold",
      until: late.opened.then(() => Promise.reject(diskFull())),
    });
    fixture.store.planAppend(2, { type: "before", error: diskFull() });
    const injected = refusalOf(thread.injectItems([{ type: "message", role: "user", content: [] }]));
    held.open();
    await until(() => thread.snapshot().state === "failed");
    await fixture.clock.run(100);
    expect(thread.snapshot().state).toBe("idle");
    late.open();
    expect(await injected).toMatchObject({ code: "disk_full" });
    expect(thread.snapshot().state).toBe("idle");
    expect(await turn.completed).toMatchObject({
      status: "failed",
      error: { message: expect.stringContaining("no space left") },
    });
  });

  test("can be closed while it waits, and its turn is told how it ended", async () => {
    fixture = openFaulty(scriptedAgent({ turns: [[{ untilAborted: true }]] }));
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    fixture.store.planAppend(1, { type: "before", error: diskFull() });
    await expect(thread.steer(turn.turnId, "x")).rejects.toMatchObject({ code: "disk_full" });
    await thread.close();
    expect((await turn.completed).id).toBe(turn.turnId);
    expect(fixture.clock.pendingTimers()).toBe(0);
    expect(fixture.manager.listLoaded()).toEqual([]);
  });

  test("that can't record a turn's end as it closes says so", async () => {
    fixture = openFaulty(scriptedAgent({ turns: [[{ untilAborted: true }]] }));
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    fixture.store.planAppend(1, { type: "before", error: diskFull() });
    await expect(thread.close()).rejects.toMatchObject({ code: "disk_full" });
    expect(await turn.completed).toMatchObject({
      id: turn.turnId,
      status: "failed",
      error: { message: expect.stringContaining("no space left") },
    });
    expect(thread.snapshot().state).toBe("closed");
  });

  test("a refusal of the store fails no thread", async () => {
    fixture = openFaulty(echoAgent());
    const thread = await fixture.manager.start();
    fixture.store.planAppend(1, { type: "before", error: rejection("invalid_argument", "no such item") });
    await expect(thread.injectItems([{ type: "odd" }])).rejects.toMatchObject({ code: "invalid_argument" });
    expect(thread.snapshot().state).toBe("idle");
  });

  test("an error that isn't Skein's own fails it too, with its message", async () => {
    fixture = openFaulty(echoAgent());
    const thread = await fixture.manager.start();
    fixture.store.planAppend(1, { type: "before", error: new TypeError("a bug in an adapter") as never });
    await expect(thread.startTurn("go")).rejects.toMatchObject({
      code: "thread_failed",
      message: expect.stringContaining("a bug in an adapter"),
    });
    await fixture.clock.run(100);
    expect(thread.snapshot().state).toBe("idle");
  });
});

describe("a thread that fails to open", () => {
  test("releases the writer and is not loaded", async () => {
    fixture = openFaulty(echoAgent());
    const { manager, store } = fixture;
    const thread = await manager.start();
    await (
      await thread.startTurn("hello")
    ).completed;
    await thread.close();
    store.planFailures("loadHistory", [broken() as never]);
    await expect(manager.resume(thread.id)).rejects.toMatchObject({ code: "io_error" });
    expect(manager.listLoaded()).toEqual([]);
    expect(fixture.events.filter((event) => event.type === "thread_loaded")).toHaveLength(1);
    const again = await manager.resume(thread.id);
    expect(again.snapshot().thread.turns).toHaveLength(1);
  });

  test("is discarded when it is removed half-way, and its writer can't append", async () => {
    fixture = openFaulty(echoAgent());
    const { manager, store } = fixture;
    const thread = await manager.start();
    await thread.materialize();
    await thread.close();
    const held = gate();
    const load = store.loadHistory.bind(store);
    store.planFailures("loadHistory", []);
    let released = 0;
    const discard = store.discardThread.bind(store);
    const slow = new Proxy(store, {
      get(target, member) {
        if (member === "loadHistory")
          return async (params: Parameters<typeof load>[0]) => (await held.opened, await load(params));
        if (member === "discardThread")
          return async (writer: Parameters<typeof discard>[0]) => ((released += 1), await discard(writer));
        return Reflect.get(target, member, target) as unknown;
      },
    });
    const other = fixtureOver({ store: slow, close: async () => {} }, { agent: echoAgent() });
    const opening = other.manager.resume(thread.id);
    const refused = refusalOf(opening);
    await drainEventLoop();
    const closing = other.manager.shutdown({ timeoutMs: 60_000 });
    await drainEventLoop();
    expect(released).toBe(0);
    held.open();
    expect(await closing).toEqual({ completed: [], failed: [], timedOut: [], unfinished: [] });
    expect(await refused).toMatchObject({ code: "runtime_closed" });
    expect(released).toBe(1);
    const writerOfAnother = await store.resumeThread({ threadId: thread.id });
    expect(writerOfAnother.nextOrdinal).toBe(1);
  });

  test("a fork whose end can't be recorded leaves no thread behind", async () => {
    fixture = openFaulty(scriptedAgent({ turns: [[{ untilAborted: true }]] }));
    const { manager, store } = fixture;
    const thread = await manager.start();
    const turn = await thread.startTurn("go");
    store.planAppend(1, { type: "before", error: diskFull() });
    await expect(manager.fork(thread.id)).rejects.toMatchObject({ code: "disk_full" });
    expect((await store.listThreads()).data.map(({ id }) => id)).toEqual([thread.id]);
    expect(manager.listLoaded()).toEqual([thread.id]);
    await thread.interrupt(turn.turnId);
  });

  test("a flush that fails at the close is told, and the writer is released", async () => {
    fixture = openFaulty(echoAgent());
    const { manager, store } = fixture;
    const thread = await manager.start();
    await (
      await thread.startTurn("hello")
    ).completed;
    store.planFailures("shutdownThread", [diskFull()]);
    await expect(thread.close()).rejects.toMatchObject({ code: "disk_full" });
    expect(thread.snapshot().state).toBe("closed");
    await expect(thread.startTurn("x")).rejects.toMatchObject({ code: "thread_closed" });
    expect((await manager.resume(thread.id)).snapshot().thread.turns).toHaveLength(1);
  });
});

describe("a thread that another process took over (A5)", () => {
  const taken = (): SkeinError =>
    fault("thread_owned_elsewhere", "another node has it", { retryable: true, data: { url: "ws://10.0.0.2:4500" } });

  test("is unloaded and not opened again; its turn has failed, and every command says who has it", async () => {
    const held = gate();
    fixture = openFaulty(scriptedAgent({ turns: [[{ waitFor: held.opened }, { say: "too late" }]] }));
    const { manager, store, clock } = fixture;
    const thread = await manager.start();
    const turn = await thread.startTurn("go");
    const before = await fixture.records(thread.id);
    store.planAppend(1, { type: "before", error: taken() });
    held.open();
    expect(await turn.completed).toMatchObject({ status: "failed", error: { message: "another node has it" } });
    await clock.run(60_000);
    expect(fixture.events.at(-1)).toEqual({ type: "thread_unloaded", threadId: thread.id, reason: "taken" });
    expect(manager.get(thread.id)).toBeUndefined();
    await expect(thread.startTurn("again")).rejects.toMatchObject({
      code: "thread_owned_elsewhere",
      data: { url: "ws://10.0.0.2:4500" },
    });
    expect(await fixture.records(thread.id)).toEqual(before);
  });

  test("can be resumed when the other gave it back", async () => {
    fixture = openFaulty(echoAgent());
    const { manager, store } = fixture;
    const thread = await manager.start();
    await (
      await thread.startTurn("one")
    ).completed;
    store.planAppend(1, { type: "before", error: taken() });
    await expect(thread.startTurn("two")).rejects.toMatchObject({ code: "thread_owned_elsewhere" });
    const again = await manager.resume(thread.id);
    expect((await (await again.startTurn("three")).completed).status).toBe("completed");
  });

  test("that is still another's when it opens after a fault is unloaded as well", async () => {
    fixture = openFaulty(echoAgent());
    const { manager, store, clock } = fixture;
    const thread = await manager.start();
    await (
      await thread.startTurn("one")
    ).completed;
    store.planAppend(1, { type: "before", error: diskFull() });
    store.planFailures("resumeThread", [taken()]);
    await expect(thread.startTurn("two")).rejects.toMatchObject({ code: "disk_full" });
    await clock.run(100);
    await drainEventLoop();
    expect(fixture.events.at(-1)).toMatchObject({ type: "thread_unloaded", reason: "taken" });
  });
});
