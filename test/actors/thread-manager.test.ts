/**
 * The manager: one actor a thread whatever comes at once, resuming in every way, archive and delete of
 * what is loaded, metadata that other callers of the store write, and a shutdown that ends in time.
 */
import { afterEach, describe, expect, test } from "vitest";

import { createThreadManager, echoAgent, scriptedAgent, type ThreadHandle } from "../../src/actors/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/manual-clock.ts";
import { diskFull, faultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, eventsOf, fixtureOver, gate, openFixture, STORE_KINDS, until } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

const UNKNOWN_ID = "01a20233-2e58-7271-bc33-3f3cb8230a0d";

async function say(thread: ThreadHandle, text: string): Promise<void> {
  await (
    await thread.startTurn(text)
  ).completed;
}

describe.each(STORE_KINDS)("resuming on a %s store", (kind) => {
  test("gives the thread as it was, appends nothing, and goes on", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const first = await manager.start();
    await say(first, "one");
    await first.updateMetadata({ name: "a name" });
    const before = first.snapshot();
    await manager.remove(first.id);
    const again = await manager.resume(first.id.toUpperCase());
    expect(again.snapshot()).toEqual(before);
    expect(again.modelContext()).toEqual(first.modelContext());
    await say(again, "two");
    expect(again.snapshot().thread.turns).toHaveLength(2);
  });

  test("of a loaded thread gives the same handle, and at once gives one actor", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const first = await manager.start();
    expect(await manager.resume(first.id)).toBe(first);
    await say(first, "one");
    await first.close();
    const handles = await Promise.all(Array.from({ length: 5 }, () => manager.resume(first.id)));
    expect(new Set(handles).size).toBe(1);
    expect(fixture.events.filter((event) => event.type === "thread_loaded")).toHaveLength(2);
  });

  test("while it is being unloaded waits and opens it anew", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const first = await manager.start();
    await say(first, "one");
    const closing = first.close();
    const again = await manager.resume(first.id);
    await closing;
    expect(again).not.toBe(first);
    await say(again, "two");
    await expect(first.startTurn("x")).rejects.toMatchObject({ code: "thread_closed" });
  });

  test("a turn that a crash left open reads as interrupted, also while the next one runs", async () => {
    const held = gate();
    fixture = await openFixture({ kind, agent: scriptedAgent({ turns: [[{ waitFor: held.opened }]] }) });
    const opened = await fixture.store.createThread({ metadata: { cwd: "/srv/ws" } });
    const { writer } = opened;
    await fixture.store.appendItems({
      writer,
      items: [
        { type: "event_msg", payload: { type: "task_started", turn_id: "t-crashed", started_at: 1 } },
        { type: "event_msg", payload: { type: "user_message", message: "hello" } },
      ],
    });
    await fixture.store.shutdownThread(writer);
    const thread = await fixture.manager.resume(writer.threadId);
    expect(await fixture.records(thread.id)).toHaveLength(3);
    expect(thread.snapshot()).toMatchObject({ activeTurnId: null, thread: { status: { type: "idle" } } });
    const turn = await thread.startTurn("go on");
    expect(thread.snapshot().thread.turns.map(({ status }) => status)).toEqual(["interrupted", "inProgress"]);
    held.open();
    await turn.completed;
    expect(thread.snapshot().thread.turns.map(({ status }) => status)).toEqual(["interrupted", "completed"]);
  });

  test("with a given history makes a new thread, stored at once, without turns", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const item = (text: string) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] });
    const history = Array.from({ length: 1_500 }, (_, index) => item(`m${index}`));
    const thread = await fixture.manager.resumeFromHistory(history);
    expect(thread.modelContext()).toEqual(history);
    expect(thread.snapshot().thread).toMatchObject({ turns: [], forkedFromId: null });
    expect(await fixture.records(thread.id)).toHaveLength(1_501);
    const empty = await fixture.manager.resumeFromHistory([]);
    expect(await fixture.kinds(empty.id)).toEqual(["session_meta"]);
    await expect(fixture.manager.resumeFromHistory([{}] as never)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("of ids that are none or unknown is refused", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    await expect(fixture.manager.resume("nope")).rejects.toMatchObject({ code: "invalid_thread_id" });
    await expect(fixture.manager.resume(UNKNOWN_ID)).rejects.toMatchObject({ code: "thread_not_found" });
    expect(fixture.manager.listLoaded()).toEqual([]);
  });

  test("starting under an id that is taken is refused and hurts nobody", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const first = await fixture.manager.start({ threadId: UNKNOWN_ID });
    await say(first, "one");
    await expect(fixture.manager.start({ threadId: UNKNOWN_ID })).rejects.toMatchObject({ code: "thread_exists" });
    await say(first, "two");
    expect(first.snapshot().thread.turns).toHaveLength(2);
  });
});

describe("resuming by path", () => {
  test("opens exactly that file, and refuses another one of a loaded thread", async () => {
    fixture = await openFixture({ kind: "local", agent: echoAgent() });
    const { manager } = fixture;
    const first = await manager.start();
    await say(first, "one");
    const { path } = first.snapshot().thread;
    expect(await manager.resumeByPath(path ?? "")).toBe(first);
    await first.close();
    const again = await manager.resumeByPath(path ?? "");
    expect(again.snapshot().thread).toMatchObject({ id: first.id, path });
    await say(again, "two");
  });

  test("is unsupported where threads have no files", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    await expect(fixture.manager.resumeByPath("/srv/x.jsonl")).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe.each(STORE_KINDS)("archive and delete on a %s store", (kind) => {
  test("archiving interrupts what runs and unloads; the thread can be resumed and goes on", async () => {
    fixture = await openFixture({ kind, agent: scriptedAgent({ turns: [[{ hang: true }]] }) });
    const { manager, store } = fixture;
    const thread = await manager.start();
    const turn = await thread.startTurn("go");
    await manager.archive(thread.id);
    expect((await turn.completed).status).toBe("interrupted");
    expect(fixture.events.at(-1)).toEqual({ type: "thread_unloaded", threadId: thread.id, reason: "archived" });
    expect(await store.readThread({ threadId: thread.id })).toMatchObject({ archived: true });
    await expect(manager.archive(thread.id)).rejects.toMatchObject({ code: "thread_archived" });
    const again = await manager.resume(thread.id);
    await say(again, "next");
    expect((await store.readThread({ threadId: thread.id })).archived).toBe(true);
  });

  test("unarchiving a loaded thread keeps it loaded, on its moved file", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const thread = await manager.start();
    await say(thread, "one");
    const home = thread.snapshot().thread.path;
    await manager.archive(thread.id);
    const again = await manager.resume(thread.id);
    const stored = await manager.unarchive(thread.id);
    expect(manager.get(thread.id)).toBe(again);
    expect(stored.archived).toBe(false);
    expect(again.snapshot().thread.path).toBe(home);
    await say(again, "two");
    expect((await manager.read(thread.id, { includeTurns: true })).turns).toHaveLength(2);
    await expect(manager.unarchive(thread.id)).rejects.toMatchObject({ code: "thread_not_archived" });
  });

  test("what another caller of the store archives is followed", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    await say(thread, "one");
    await fixture.store.archiveThread(thread.id);
    const { path } = await fixture.store.readThread({ threadId: thread.id });
    await until(() => thread.snapshot().thread.path === path);
    await say(thread, "two");
    expect(thread.snapshot().thread.turns).toHaveLength(2);
  });

  test("deleting unloads and removes; a thread never stored is just unloaded", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const thread = await manager.start();
    await say(thread, "one");
    const fork = await manager.fork(thread.id);
    await manager.delete(thread.id);
    expect(fixture.events.at(-1)).toEqual({ type: "thread_unloaded", threadId: thread.id, reason: "deleted" });
    await expect(manager.resume(thread.id)).rejects.toMatchObject({ code: "thread_not_found" });
    await say(fork, "still here");
    const fresh = await manager.start();
    await manager.delete(fresh.id);
    expect(manager.get(fresh.id)).toBeUndefined();
    await expect(manager.delete(fresh.id)).rejects.toMatchObject({ code: "thread_not_found" });
    await expect(manager.archive(UNKNOWN_ID)).rejects.toMatchObject({ code: "thread_not_found" });
  });

  test("what another caller of the store deletes is unloaded", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    await say(thread, "one");
    await fixture.store.deleteThread(thread.id);
    await until(() => fixture.manager.get(thread.id) === undefined);
    await expect(thread.startTurn("x")).rejects.toMatchObject({ code: "thread_closed" });
  });
});

describe.each(STORE_KINDS)("metadata on a %s store", (kind) => {
  test("written by another caller of the store is seen live, once and in order", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager, store } = fixture;
    const thread = await manager.start();
    await say(thread, "one");
    const turn = thread.startTurn("two");
    const other = store.updateThreadMetadata({ threadId: thread.id, patch: { name: "n", git: { branch: "trunk" } } });
    await Promise.all([turn.then(({ completed }) => completed), other]);
    const records = await fixture.records(thread.id);
    expect(thread.snapshot()).toMatchObject({
      nextOrdinal: records.length,
      thread: { name: "n", gitInfo: { branch: "trunk" } },
    });
    await say(thread, "three");
    expect(thread.snapshot().nextOrdinal).toBe((await fixture.records(thread.id)).length);
  });

  test("through the manager works loaded, unloaded, and before the first record", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const thread = await manager.start();
    await manager.updateMetadata(thread.id, { memoryMode: "disabled" });
    expect(await fixture.kinds(thread.id)).toEqual(["session_meta", "session_meta"]);
    expect(thread.snapshot().nextOrdinal).toBe(2);
    await manager.remove(thread.id);
    await manager.updateMetadata(thread.id, { name: "later" });
    expect(await manager.read(thread.id)).toMatchObject({ name: "later", status: { type: "notLoaded" } });
    await expect(manager.updateMetadata(thread.id, {})).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("reading is the same loaded and unloaded, save for the status", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const thread = await manager.start();
    await say(thread, "one");
    const live = await manager.read(thread.id, { includeTurns: true });
    expect((await manager.read(thread.id)).turns).toEqual([]);
    await thread.close();
    const stored = await manager.read(thread.id, { includeTurns: true });
    expect(stored).toEqual({ ...live, status: { type: "notLoaded" } });
    await expect(manager.read(UNKNOWN_ID)).rejects.toMatchObject({ code: "thread_not_found" });
  });
});

describe("reviews through the manager", () => {
  test("inline run in the thread, detached in a fork of it", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const { manager } = fixture;
    const thread = await manager.start();
    await say(thread, "one");
    const inline = await manager.review(thread.id, { type: "uncommittedChanges" });
    expect(inline.reviewThreadId).toBe(thread.id);
    await inline.turn.completed;
    const detached = await manager.review(
      thread.id,
      { type: "custom", instructions: "look" },
      { delivery: "detached" },
    );
    expect(detached.reviewThreadId).not.toBe(thread.id);
    expect((await detached.turn.completed).status).toBe("completed");
    expect(thread.snapshot().thread.turns).toHaveLength(2);
    expect(manager.get(detached.reviewThreadId)?.snapshot().thread.turns).toHaveLength(3);
    const blank = manager.review(thread.id, { type: "custom", instructions: " " }, { delivery: "detached" });
    await expect(blank).rejects.toMatchObject({ code: "invalid_argument" });
    expect(manager.listLoaded()).toHaveLength(2);
  });
});

describe("a shutdown", () => {
  test("closes all, reports them, and refuses what comes later", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ hang: true }]] }) });
    const { manager } = fixture;
    const running = await manager.start();
    const turn = await running.startTurn("ignores its signal");
    const idle = await manager.start();
    const report = await manager.shutdown({ timeoutMs: 1_000 });
    expect(report).toEqual({ completed: [running.id, idle.id].sort(), failed: [], timedOut: [], unfinished: [] });
    expect((await turn.completed).status).toBe("interrupted");
    expect(eventsOf(await fixture.records(running.id), "turn_aborted")).toHaveLength(1);
    await expect(manager.start()).rejects.toMatchObject({ code: "runtime_closed" });
    await expect(manager.resume(running.id)).rejects.toMatchObject({ code: "runtime_closed" });
    expect(await manager.shutdown()).toBe(report);
    expect(fixture.clock.pendingTimers()).toBe(0);
  });

  test("names those whose store does not answer, and does not wait longer than it said", async () => {
    const clock = createManualClock();
    const store = faultyThreadStore(createMemoryThreadStore({ clock }));
    fixture = fixtureOver(
      { store, close: () => store.close() },
      { agent: scriptedAgent({ turns: [[{ untilAborted: true }]] }) },
      clock,
    );
    const { manager } = fixture;
    const stuck = await manager.start();
    await stuck.startTurn("go");
    const idle = await manager.start();
    const held = gate();
    store.planAppend(1, { type: "hold", until: held.opened });
    const shutdown = manager.shutdown({ timeoutMs: 500 });
    await clock.run(499);
    let isDone = false;
    void shutdown.then(() => (isDone = true));
    await drainEventLoop();
    expect(isDone).toBe(false);
    await clock.run(1);
    expect(await shutdown).toEqual({ completed: [idle.id], failed: [], timedOut: [stuck.id], unfinished: [] });
    held.open();
    await drainEventLoop();
    // Its writer was let go: the end of its turn could not be appended behind the caller's back.
    expect(eventsOf(await fixture.records(stuck.id), "turn_aborted")).toEqual([]);
  });

  test("names those that could not be flushed", async () => {
    const clock = createManualClock();
    const store = faultyThreadStore(createMemoryThreadStore({ clock }));
    fixture = fixtureOver({ store, close: () => store.close() }, { agent: echoAgent() }, clock);
    const thread = await fixture.manager.start();
    await say(thread, "one");
    store.planFailures("shutdownThread", [diskFull()]);
    expect(await fixture.manager.shutdown()).toMatchObject({
      completed: [],
      failed: [{ threadId: thread.id, fault: { code: "disk_full" } }],
    });
  });
});

describe("what a manager is made with", () => {
  test("numbers out of bounds are refused at once", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const { store } = fixture;
    const agent = echoAgent();
    for (const options of [
      { idleUnloadMs: -1 },
      { idleUnloadMs: 2 ** 40 },
      { restart: { attemptsMax: 99 } },
      { restart: { backoffMs: Number.NaN } },
    ]) {
      expect(() => createThreadManager({ store, agent, ...options })).toThrow(/must be/);
    }
  });

  test("defaults and the agent's provider are recorded unless a thread has its own", async () => {
    fixture = await openFixture({
      agent: scriptedAgent({ turns: [], provider: "openai" }),
      defaults: { cwd: "/default", originator: "tests", model: "m-default" },
    });
    const { manager, store } = fixture;
    const first = await manager.start();
    await say(first, "one");
    const second = await manager.start({ cwd: "/own", modelProvider: "mine", model: "m-own" });
    await say(second, "one");
    expect(await store.readThread({ threadId: first.id })).toMatchObject({
      cwd: "/default",
      originator: "tests",
      modelProvider: "openai",
      model: "m-default",
    });
    expect(await store.readThread({ threadId: second.id })).toMatchObject({
      cwd: "/own",
      modelProvider: "mine",
      model: "m-own",
    });
  });

  test("a model another of Skein's agents ran with is not handed to this one; Codex's is", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const { store } = fixture;
    const thread = await fixture.manager.start();
    await say(thread, "one");
    await thread.close();
    const other = createThreadManager({ store, agent: scriptedAgent({ turns: [] }) });
    const resumed = await other.resume(thread.id);
    await say(resumed, "two");
    expect((await store.readThread({ threadId: thread.id })).model).toBe("scripted-model");
    await other.shutdown();
    const { writer } = await store.resumeThread({ threadId: thread.id });
    await store.appendItems({
      writer,
      items: [{ type: "turn_context", payload: { cwd: "/c", model: "gpt-of-codex", summary: "auto" } }],
    });
    await store.shutdownThread(writer);
    const again = await fixture.manager.resume(thread.id);
    await say(again, "three");
    expect((await store.readThread({ threadId: thread.id })).model).toBe("gpt-of-codex");
  });
});
