/**
 * The runtime as embedders use it: what it refuses to open, what it hands out, what its feeds tell, and
 * how it ends. On a memory store and a home, with real agents that play scripts.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { scriptedAgent } from "../../src/actors/index.ts";
import type { LogLevel } from "../../src/base/index.ts";
import { openRuntime, type Runtime, type RuntimeOptions } from "../../src/runtime/index.ts";
import { createMemoryThreadStore, type MemoryThreadStore } from "../../src/store/memory/index.ts";
import type { RuntimeFeedEvent } from "../../src/streams/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/index.ts";

let folder = "";
let store: MemoryThreadStore;
const opened: Runtime[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-runtime-"));
  store = createMemoryThreadStore();
});
afterEach(async () => {
  for (const runtime of opened.splice(0)) await runtime.close();
  rmSync(folder, { recursive: true, force: true });
});

async function open(options: RuntimeOptions): Promise<Runtime> {
  const runtime = await openRuntime(options);
  opened.push(runtime);
  return runtime;
}

describe("openRuntime refuses", () => {
  const wrong: readonly (readonly [string, object, RegExp])[] = [
    ["neither home nor store", {}, /exactly one of `home` and `store`/],
    ["both home and store", { home: "x", store: createMemoryThreadStore() }, /exactly one of `home` and `store`/],
    ["a blank home", { home: " " }, /home: must not be blank/],
    ["a store that is none", { store: { createThread: () => {} } }, /store: must be an object with .*appendItems/],
    ["a durability for a store", { store: createMemoryThreadStore(), durability: "os" }, /durability/],
    ["an unknown durability", { home: "x", durability: "none" }, /durability/],
    ["an agent that can't run", { home: "x", agent: { name: "x" } }, /agent: must be an object with run/],
    ["a negative time", { home: "x", idleUnloadMs: -1 }, /idleUnloadMs/],
    ["a word it doesn't know", { home: "x", durabilty: "os" }, /durabilty/],
  ];
  it.each(wrong)("%s", async (_title, options, message) => {
    const refused = openRuntime(options);
    await expect(refused).rejects.toMatchObject({ code: "invalid_argument", kind: "rejection" });
    await expect(refused).rejects.toThrow(message);
  });

  it("a home that is a file, with the home's own code", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(openRuntime({ home: join(folder, "file") })).rejects.toMatchObject({ code: "home_unusable" });
  });
});

describe("a runtime", () => {
  it("makes nothing in its home before the first turn", async () => {
    const home = join(folder, "home");
    const runtime = await open({ home });
    const thread = await runtime.startThread();
    expect(existsSync(home)).toBe(false);
    await thread.run("hello");
    expect(existsSync(String(thread.snapshot().thread.path))).toBe(true);
  });

  it("hands out one object a loaded thread, by whatever way it is asked for", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await thread.run("hello");
    expect(runtime.thread(thread.id)).toBe(thread);
    expect(await runtime.resumeThread(thread.id.toUpperCase())).toBe(thread);
    expect(runtime.listLoaded()).toEqual([thread.id]);
    await thread.close();
    expect(runtime.thread(thread.id)).toBeUndefined();
    expect(await runtime.resumeThread(thread.id)).not.toBe(thread);
  });

  it("resolves run with the turn as it ended, also when it failed", async () => {
    const runtime = await open({
      store,
      agent: scriptedAgent({ turns: [[{ say: "fine" }], [{ fail: new Error("no model") }]] }),
    });
    const thread = await runtime.startThread();
    expect(await thread.run("one")).toMatchObject({ status: "completed", items: [{}, { text: "fine" }] });
    expect(await thread.run("two")).toMatchObject({ status: "failed", error: { message: "no model" } });
    await expect(thread.run(" ")).rejects.toMatchObject({ code: "empty_input" });
  });

  it("reads a loaded thread as it is now and an unloaded one as stored, alike", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread({ cwd: "/somewhere" });
    await thread.run("hello");
    const live = await runtime.readThread(thread.id, { includeTurns: true });
    await thread.close();
    const stored = await runtime.readThread(thread.id, { includeTurns: true });
    expect(stored).toEqual({ ...live, status: { type: "notLoaded" } });
    expect((await runtime.readThread(thread.id)).turns).toEqual([]);
  });

  it("gives a new thread the defaults it was opened with, and the caller's own before them", async () => {
    const runtime = await open({ store, cwd: "/default", model: "m-default", originator: "the-app" });
    const [plain, own] = [await runtime.startThread(), await runtime.startThread({ cwd: "/own", model: "m-own" })];
    for (const thread of [plain, own]) await thread.run("hello");
    expect(await store.readThread({ threadId: plain.id })).toMatchObject({
      cwd: "/default",
      model: "m-default",
      originator: "the-app",
    });
    expect(await store.readThread({ threadId: own.id })).toMatchObject({
      cwd: "/own",
      model: "m-own",
      originator: "the-app",
    });
  });

  it("lists, searches, reviews, forks and pages through what it keeps", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    const turn = await thread.run("a needle in the hay");
    const fork = await runtime.forkThread(thread.id, { beforeTurnId: turn.id });
    await (
      await runtime.review(thread.id, { type: "uncommittedChanges" }, { delivery: "inline" })
    ).turn.completed;
    expect((await runtime.listThreads()).data.map(({ id }) => id)).toContain(thread.id);
    expect((await runtime.searchThreads({ query: "needle" })).data.map((hit) => hit.thread.id)).toContain(thread.id);
    expect((await runtime.listTurns({ threadId: thread.id })).data).toHaveLength(2);
    expect((await runtime.listItems({ threadId: thread.id, turnId: turn.id })).data).toHaveLength(2);
    expect(fork.snapshot().thread).toMatchObject({ forkedFromId: thread.id, turns: [] });
    const history = [{ type: "message", role: "user", content: [{ type: "input_text", text: "earlier" }] }];
    const known = await runtime.resumeThreadFromHistory(history);
    expect(known.modelContext()).toEqual(history);
    await expect(runtime.resumeThreadByPath("/x.jsonl")).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe("a runtime's feeds", () => {
  it("give a thread's log, then what happens, each record once; deltas only to who asks", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await thread.run("before");
    const plain: string[] = [];
    const withSignals: string[] = [];
    thread
      .events()
      .subscribe((event) => plain.push(event.type === "record" ? String(event.record.ordinal) : event.type));
    thread.events({ from: "end", signals: true }).subscribe((event) => {
      if (event.type === "signal") withSignals.push(event.signal.type);
    });
    await thread.run("during");
    const { nextOrdinal } = thread.snapshot();
    await expect.poll(() => plain.length, { timeout: 10_000 }).toBe(nextOrdinal);
    expect(plain).toEqual(Array.from({ length: nextOrdinal }, (_, ordinal) => String(ordinal)));
    await expect.poll(() => withSignals.at(-1), { timeout: 10_000 }).toBe("turn_completed");
    expect(withSignals).toContain("text_delta");
    expect(withSignals.slice(0, 2)).toEqual(["status_changed", "turn_started"]);
  });

  it("go on when the thread is unloaded and loaded again", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await thread.run("one");
    let told = 0;
    thread.events().subscribe((event) => (told += event.type === "record" ? 1 : 0));
    await thread.close();
    const again = await runtime.resumeThread(thread.id);
    await again.run("two");
    await expect.poll(() => told, { timeout: 10_000 }).toBe(again.snapshot().nextOrdinal);
  });

  it("tell over all threads what starts, ends and moves, in order", async () => {
    const runtime = await open({ store });
    const told: RuntimeFeedEvent[] = [];
    let isOver = false;
    runtime.events().subscribe({ next: (event) => told.push(event), complete: () => (isOver = true) });
    const thread = await runtime.startThread();
    const turn = await thread.run("hello");
    await runtime.updateMetadata(thread.id, { name: "named" });
    await runtime.archiveThread(thread.id);
    await runtime.unarchiveThread(thread.id);
    await runtime.deleteThread(thread.id);
    await runtime.close();
    await expect.poll(() => isOver, { timeout: 10_000 }).toBe(true);
    const { id: threadId } = thread;
    const wanted = told.filter(({ type }) => type !== "status_changed");
    expect(wanted).toEqual([
      { type: "thread_loaded", threadId },
      { type: "thread_created", threadId },
      { type: "turn_started", threadId, turnId: turn.id },
      { type: "turn_completed", threadId, turnId: turn.id, status: "completed" },
      { type: "thread_name_updated", threadId, name: "named" },
      { type: "thread_unloaded", threadId, reason: "archived" },
      { type: "thread_archived", threadId },
      { type: "thread_unarchived", threadId },
      { type: "thread_deleted", threadId },
    ]);
  });

  it("give the log of a thread that isn't loaded, then what is recorded in it, and load nothing", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await thread.run("before");
    await thread.close();
    const feed = await runtime.threadEvents(thread.id.toUpperCase(), { from: 1 });
    const told: number[] = [];
    feed.subscribe((event) => void (event.type === "record" && told.push(event.record.ordinal)));
    await expect.poll(() => told.length, { timeout: 10_000 }).toBeGreaterThan(3);
    expect(runtime.listLoaded()).toEqual([]);
    const again = await runtime.resumeThread(thread.id);
    await again.run("during");
    const { nextOrdinal } = again.snapshot();
    await expect.poll(() => told.length, { timeout: 10_000 }).toBe(nextOrdinal - 1);
    expect(told).toEqual(Array.from({ length: nextOrdinal - 1 }, (_, index) => index + 1));
  });

  it("of a loaded thread without a log begin with its first record", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    const iterator = (await runtime.threadEvents(thread.id))[Symbol.asyncIterator]();
    await thread.run("hello");
    expect(await iterator.next()).toMatchObject({ value: { record: { ordinal: 0, item: { type: "session_meta" } } } });
    await iterator.return();
  });

  it("are refused past the end of the log, with both numbers, and given from the end on, loaded or not", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await expect(runtime.threadEvents(thread.id, { from: 1 })).rejects.toMatchObject({ code: "ordinal_conflict" });
    await thread.run("before");
    const { nextOrdinal } = thread.snapshot();
    const beyond = { code: "ordinal_conflict", data: { threadId: thread.id, actualOrdinal: nextOrdinal } };
    for (const from of [nextOrdinal + 1, nextOrdinal + 2, 100_000]) {
      await expect(runtime.threadEvents(thread.id, { from })).rejects.toMatchObject(beyond);
    }
    const fed = [(await runtime.threadEvents(thread.id, { from: nextOrdinal }))[Symbol.asyncIterator]()];
    await thread.close();
    await expect(runtime.threadEvents(thread.id, { from: nextOrdinal + 1 })).rejects.toMatchObject(beyond);
    fed.push((await runtime.threadEvents(thread.id.toUpperCase(), { from: nextOrdinal }))[Symbol.asyncIterator]());
    await (await runtime.resumeThread(thread.id)).run("behind");
    for (const iterator of fed) {
      expect(await iterator.next()).toMatchObject({ value: { record: { ordinal: nextOrdinal } } });
      await iterator.return();
    }
  });

  it("are refused for a thread that isn't there, an id that is none and options that are none", async () => {
    const runtime = await open({ store });
    const nobody = "01890a5d-ac96-774b-bcce-b302099a8057";
    await expect(runtime.threadEvents(nobody)).rejects.toMatchObject({ code: "thread_not_found" });
    await expect(runtime.threadEvents("x")).rejects.toMatchObject({ code: "invalid_thread_id" });
    const misspelt = { form: 5 } as object;
    await expect(runtime.threadEvents(nobody, misspelt)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("that are subscribed to after the runtime's end fail: an empty end would look like an empty log", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await thread.run("hello");
    const early = thread.events();
    await runtime.close();
    for (const feed of [early, thread.events(), runtime.events()]) {
      const begin = (): unknown => feed[Symbol.asyncIterator]();
      expect(begin).toThrow(expect.objectContaining({ code: "runtime_closed", kind: "fault" }));
      const errors: unknown[] = [];
      (feed as typeof early).subscribe({ error: (error: unknown) => void errors.push(error) });
      expect(errors).toMatchObject([{ code: "runtime_closed" }]);
    }
    await expect(runtime.threadEvents(thread.id)).rejects.toMatchObject({ code: "runtime_closed" });
  });

  it("keep an idle thread loaded while somebody follows it", async () => {
    const clock = createManualClock();
    const runtime = await open({ store, clock, idleUnloadMs: 1_000 });
    const thread = await runtime.startThread();
    await thread.run("hello");
    const follower = thread.events({ from: "end" }).subscribe();
    await clock.run(5_000);
    expect(runtime.listLoaded()).toEqual([thread.id]);
    follower.unsubscribe();
    await clock.run(5_000);
    expect(runtime.listLoaded()).toEqual([]);
  });
});

describe("closing a runtime", () => {
  it("interrupts what runs and records it, says what became of each thread, and ends the feeds", async () => {
    const runtime = await open({ store, agent: scriptedAgent({ turns: [[{ untilAborted: true }]] }) });
    const thread = await runtime.startThread();
    const { completed } = await thread.startTurn("hello");
    let isOver = false;
    thread.events().subscribe({ complete: () => (isOver = true) });
    expect(await runtime.close()).toEqual({ completed: [thread.id], failed: [], timedOut: [], unfinished: [] });
    expect((await completed).status).toBe("interrupted");
    await drainEventLoop();
    expect(isOver).toBe(true);
    const { data } = await store.listTurns({ threadId: thread.id });
    expect(data.map(({ status }) => status)).toEqual(["interrupted"]);
  });

  it("leaves a store that was handed in open, and refuses what comes later", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    await thread.run("hello");
    await Promise.all([runtime.close(), runtime.close()]);
    await expect(runtime.startThread()).rejects.toMatchObject({ code: "runtime_closed" });
    await expect(runtime.listThreads()).rejects.toMatchObject({ code: "runtime_closed" });
    await expect(thread.run("late")).rejects.toMatchObject({ code: "thread_closed" });
    const next = await open({ store });
    expect((await (await next.resumeThread(thread.id)).run("again")).status).toBe("completed");
  });

  it("takes no longer than it is given, whatever an agent does", async () => {
    const clock = createManualClock();
    const runtime = await open({ store, clock, agent: scriptedAgent({ turns: [[{ hang: true }]] }) });
    const thread = await runtime.startThread();
    await thread.startTurn("hello");
    const closing = runtime.close({ timeoutMs: 500 });
    await clock.run(60_000);
    const report = await closing;
    expect([...report.completed, ...report.timedOut]).toEqual([thread.id]);
  });

  it("takes no longer than it is given, also when its home's store never closes, and says so", async () => {
    const clock = createManualClock();
    const runtime = await openRuntime({ home: join(folder, "home"), clock });
    const thread = await runtime.startThread();
    await thread.run("hello");
    const close = runtime.store.close.bind(runtime.store);
    const asked = Promise.withResolvers<void>();
    const hang = (): Promise<void> => (asked.resolve(), new Promise(() => {}));
    Object.assign(runtime.store, { close: hang });
    const closing = runtime.close({ timeoutMs: 500 });
    await asked.promise;
    await clock.run(500);
    expect(await closing).toEqual({
      completed: [thread.id],
      failed: [],
      timedOut: [],
      unfinished: [{ call: "store.close", threadId: null }],
    });
    await close();
  });

  it("refuses a time that is none, and closes nothing by that", async () => {
    const runtime = await open({ store });
    const thread = await runtime.startThread();
    for (const timeoutMs of [-1, Number.NaN, 2 ** 31]) {
      await expect(runtime.close({ timeoutMs })).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect((await thread.run("still")).status).toBe("completed");
  });

  it("logs through a logger that is handed in", async () => {
    const lines: LogLevel[] = [];
    const keep = (level: LogLevel) => (): void => void lines.push(level);
    const logger = { debug: keep("debug"), info: keep("info"), warn: keep("warn"), error: keep("error") };
    const runtime = await open({ store, logger });
    runtime.events().subscribe(() => {
      throw new Error("a subscriber's own mistake");
    });
    await (await runtime.startThread()).run("hello");
    await expect.poll(() => lines, { timeout: 10_000 }).toContain("error");
  });
});
