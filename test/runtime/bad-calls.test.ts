/**
 * What plain JavaScript may hand in: options that are none, misspelt ones, values of the wrong kind. Each
 * call answers with a rejection that says what is wrong, before anything was done, and never with a
 * TypeError from deep inside.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { isSkeinError } from "../../src/base/index.ts";
import { openRuntime, type Runtime, type RuntimeThread } from "../../src/runtime/index.ts";
import { createMemoryThreadStore, type MemoryThreadStore } from "../../src/store/memory/index.ts";

let runtime: Runtime;
let store: MemoryThreadStore;
let thread: RuntimeThread;
beforeEach(async () => {
  store = createMemoryThreadStore();
  runtime = await openRuntime({ store });
  thread = await runtime.startThread();
  await thread.run("hello");
});
afterEach(async () => await runtime.close());

/** A value that no type allows there. */
const wrong = (value: unknown): never => value as never;
const ID = "01890a5d-ac96-774b-bcce-b302099a8057";

const BAD_CALLS: Readonly<Record<string, readonly (() => unknown)[]>> = {
  startTurn: [
    () => thread.startTurn(wrong([null])),
    () => thread.startTurn(wrong([undefined])),
    () => thread.startTurn(wrong(null)),
    () => thread.startTurn(wrong(5)),
    () => thread.startTurn("x", wrong(null)),
    () => thread.startTurn("x", wrong("y")),
    () => thread.startTurn("x", wrong({ modle: "m" })),
    () => thread.startTurn("x", wrong({ cwd: 5 })),
    () => thread.startTurn("x", wrong({ effort: 5n })),
    () => thread.run("x", wrong({ outputSchema: 5n })),
  ],
  steer: [() => thread.steer("t", wrong([null])), () => thread.steer("t", wrong(null))],
  review: [
    () => thread.review(wrong(null)),
    () => thread.review(wrong(undefined)),
    () => thread.review(wrong("main")),
    () => thread.review(wrong({ type: "branch" })),
    () => thread.review(wrong({ type: "commit", sha: 5 })),
    () => runtime.review(thread.id, wrong(null)),
    () => runtime.review(thread.id, { type: "uncommittedChanges" }, wrong(null)),
    () => runtime.review(thread.id, { type: "uncommittedChanges" }, wrong({ delivery: "detachd" })),
    () => runtime.review(thread.id, { type: "uncommittedChanges" }, wrong({ delivry: "detached" })),
  ],
  startThread: [
    () => runtime.startThread(wrong(null)),
    () => runtime.startThread(wrong("x")),
    () => runtime.startThread(wrong([])),
    () => runtime.startThread(wrong({ cwdd: "/x" })),
    () => runtime.startThread(wrong({ cwd: 5 })),
    () => runtime.resumeThreadFromHistory([], wrong({ titel: "x" })),
    () => runtime.resumeThreadFromHistory(wrong(null)),
    () => runtime.resumeThreadFromHistory(wrong([null])),
  ],
  resumeThread: [
    () => runtime.resumeThread(ID, wrong(null)),
    () => runtime.resumeThread(ID, wrong({ modell: "m" })),
    () => runtime.resumeThreadByPath("/x.jsonl", wrong(null)),
  ],
  forkThread: [
    () => runtime.forkThread(thread.id, wrong(null)),
    () => runtime.forkThread(thread.id, wrong({ beforeTurn: "t" })),
  ],
  metadata: [
    () => thread.updateMetadata(wrong(null)),
    () => thread.updateMetadata(wrong("x")),
    () => runtime.updateMetadata(thread.id, wrong(null)),
    () => runtime.updateMetadata(ID, wrong(null)),
  ],
  rollback: [() => thread.rollback(wrong("1")), () => thread.rollback(wrong(5n)), () => thread.rollback(0)],
  injectItems: [() => thread.injectItems(wrong(null)), () => thread.injectItems(wrong([null]))],
  readThread: [
    () => runtime.readThread(thread.id, wrong(null)),
    () => runtime.readThread(thread.id, wrong({ includeTurn: true })),
  ],
  close: [
    () => runtime.close(wrong(null)),
    () => runtime.close(wrong({ timeout: 5 })),
    () => runtime.close({ timeoutMs: -1 }),
  ],
  events: [
    () => thread.events(wrong(null)),
    () => thread.events(wrong({ form: 5 })),
    () => thread.events(wrong({ threadId: ID })),
    () => thread.events(wrong({ signal: {} })),
    () => thread.events({ from: -1 }),
    () => runtime.events(wrong(null)),
    () => runtime.events(wrong({ bufferMax: 5 })),
    () => runtime.events(wrong({ signal: 5 })),
  ],
};
const BAD_IDS: readonly unknown[] = [null, undefined, 5, 5n, Symbol("id"), Object.create(null), "x", ""];

/** What a call throws or rejects with. */
async function refusalOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe.each(Object.entries(BAD_CALLS))("%s", (_name, calls) => {
  it.each(calls.map((call) => [String(call).replace("() => ", ""), call] as const))("refuses %s", async (_t, call) => {
    const before = [runtime.listLoaded(), thread.snapshot(), (await store.listThreads()).data.length];
    const refusal = await refusalOf(call);
    expect(refusal).toMatchObject({ code: "invalid_argument", kind: "rejection" });
    expect([runtime.listLoaded(), thread.snapshot(), (await store.listThreads()).data.length]).toEqual(before);
  });
});

describe("a misspelt option", () => {
  it("is named, with those that there are", async () => {
    await expect(runtime.forkThread(thread.id, wrong({ beforeTurn: "t" }))).rejects.toThrow(
      /forkThread has no option beforeTurn; there are: .*beforeTurnId/,
    );
  });
});

describe("a thread id that is none", () => {
  it.each(BAD_IDS.map((id) => [typeof id, id] as const))(
    "of type %s is refused wherever one is taken",
    async (_t, bad) => {
      const id = wrong(bad);
      const calls: (() => unknown)[] = [
        () => runtime.resumeThread(id),
        () => runtime.forkThread(id),
        () => runtime.thread(id),
        () => runtime.readThread(id),
        () => runtime.updateMetadata(id, { name: "n" }),
        () => runtime.archiveThread(id),
        () => runtime.unarchiveThread(id),
        () => runtime.deleteThread(id),
        () => runtime.review(id, { type: "uncommittedChanges" }),
      ];
      for (const call of calls) expect(isSkeinError(await refusalOf(call), "invalid_thread_id")).toBe(true);
    },
  );
});

describe("a rollback", () => {
  it("of a thread without a log answers, and makes no log", async () => {
    const fresh = await runtime.startThread();
    const before = (await store.listThreads()).data.length;
    expect(await fresh.rollback(3)).toMatchObject({ nextOrdinal: 0, thread: { turns: [] } });
    expect((await store.listThreads()).data).toHaveLength(before);
    await expect(store.loadHistory({ threadId: fresh.id })).rejects.toMatchObject({ code: "thread_not_found" });
  });
});
