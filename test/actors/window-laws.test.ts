/**
 * Laws of threads that are loaded without their old turns' items: whatever is done with one, it records
 * and shows what a thread does that read its whole log. Two managers over two equal stores are given the
 * same commands; ids and time are the same in both.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  createThreadManager,
  scriptedAgent,
  type ScriptStep,
  type ThreadHandle,
  type ThreadManager,
} from "../../src/actors/index.ts";
import { createIdSource, isSkeinError } from "../../src/base/index.ts";
import type { AppendableItem, Turn } from "../../src/events/index.ts";
import { createMemoryThreadStore, type MemoryThreadStore } from "../../src/store/memory/index.ts";
import { arbCompactedLog } from "../../src/testing/arbitraries/index.ts";
import { createManualClock } from "../../src/testing/manual-clock.ts";

type Command =
  | { readonly type: "turn"; readonly play: readonly Play[] }
  | { readonly type: "rollback" | "revert" | "forkBefore" | "forkStored"; readonly count: number }
  | { readonly type: "fork" | "compact" | "review" | "inject" | "git" | "reload" };

/** What the agent does; `late` changes an item of the first turn. */
type Play = "say" | "reason" | "usage" | "late" | "fail";

const arbCommand: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("turn" as const),
      play: fc.array(fc.constantFrom<Play[]>("say", "say", "reason", "usage", "usage", "late", "fail"), {
        maxLength: 3,
      }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom("rollback" as const, "revert" as const, "forkBefore" as const, "forkStored" as const),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "fork" as const,
        "compact" as const,
        "review" as const,
        "inject" as const,
        "git" as const,
        "reload" as const,
      ),
    }),
  },
);
const arbScript = fc.array(fc.record({ thread: fc.nat({ max: 2 }), command: arbCommand }), {
  minLength: 1,
  maxLength: 10,
});

/** Codes a command may be refused with; anything else is a bug. */
const EXPECTED = new Set(["turn_not_found", "thread_not_loaded"]);

interface World {
  readonly manager: ThreadManager;
  readonly store: MemoryThreadStore;
  readonly excludeTurns: boolean;
  readonly threadIds: string[];
  /** What the agent does next. */
  readonly plays: (readonly ScriptStep[])[];
}

const zeros = (byteCount: number): Uint8Array => new Uint8Array(byteCount);

/** A world with one thread that has these records, loaded. */
async function openWorld(items: readonly AppendableItem[], excludeTurns: boolean): Promise<World> {
  const clock = createManualClock();
  const store = createMemoryThreadStore({ clock, ids: createIdSource(clock, zeros) });
  const plays: (readonly ScriptStep[])[] = [];
  const manager = createThreadManager({
    store,
    clock,
    // Other ids than the store's threads have.
    ids: createIdSource(clock, (byteCount) => zeros(byteCount).fill(1)),
    agent: scriptedAgent({ turns: [], otherwise: () => plays.shift() ?? [{ say: "so far" }] }),
    defaults: { cwd: "/srv/ws" },
  });
  const { writer } = await store.createThread({ metadata: { cwd: "/work/place" } });
  await store.appendItems({ writer, items });
  await store.shutdownThread(writer);
  await manager.resume(writer.threadId, { excludeTurns });
  return { manager, store, excludeTurns, threadIds: [writer.threadId], plays };
}

function handleOf({ manager, threadIds }: World, thread: number): ThreadHandle {
  const handle = manager.get(threadIds[thread % threadIds.length] ?? "");
  if (handle === undefined) throw new Error("a thread is not loaded");
  return handle;
}

function playOf(handle: ThreadHandle, play: readonly Play[]): readonly ScriptStep[] {
  const { turns } = handle.snapshot().thread;
  const late = {
    type: "item_completed",
    thread_id: handle.id,
    turn_id: turns[0]?.id ?? "none",
    item: { type: "Plan", id: "late", text: "changed" },
  };
  const steps: Readonly<Record<Play, ScriptStep>> = {
    say: { say: "said" },
    reason: { reason: "thought" },
    usage: { usage: { input_tokens: 3 }, contextWindow: 1_000 },
    late: { events: [{ type: "event", event: late }] },
    fail: { fail: new Error("planned") },
  };
  return [...play.map((name) => steps[name]), { say: "end" }];
}

/** Does a command and says what came of it. */
async function act(world: World, thread: number, command: Command): Promise<unknown> {
  const { manager, excludeTurns, threadIds, plays } = world;
  const handle = handleOf(world, thread);
  const { id } = handle;
  const turnAt = (count: number): string => handle.snapshot().thread.turns.at(-count)?.id ?? "none";
  const addFork = async (params: { readonly beforeTurnId?: string }): Promise<string> => {
    const fork = await manager.fork(id, { ...params, excludeTurns });
    threadIds.push(fork.id);
    return fork.id;
  };
  switch (command.type) {
    case "turn":
      plays.push(playOf(handle, command.play));
      return await (
        await handle.startTurn("go")
      ).completed;
    case "compact":
      return await (
        await handle.compact()
      ).completed;
    case "review":
      return await (
        await handle.review({ type: "custom", instructions: "look" })
      ).completed;
    case "inject":
      return await handle.injectItems([
        { type: "message", role: "user", content: [{ type: "input_text", text: "injected" }] },
      ]);
    case "git":
      return await manager.updateMetadata(id, { git: { branch: "trunk" } });
    case "rollback":
      return void (await handle.rollback(command.count));
    case "revert":
      return void (await handle.revert(turnAt(command.count)));
    case "fork":
      return await addFork({});
    case "forkBefore":
      return await addFork({ beforeTurnId: turnAt(command.count) });
    case "forkStored": {
      const beforeTurnId = turnAt(command.count);
      await handle.close();
      try {
        return [await addFork({ beforeTurnId }), await addFork({})];
      } finally {
        await manager.resume(id, { excludeTurns });
      }
    }
    case "reload":
      await handle.close();
      return void (await manager.resume(id, { excludeTurns }));
  }
}

async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (!isSkeinError(error) || !EXPECTED.has(error.code)) throw error;
    return error.code;
  }
}

/** The turn as the other world may show it: without items, if it says so. */
function like(turn: Turn, shown: Turn | undefined): Turn {
  return shown?.itemsView === "notLoaded" ? { ...turn, items: [], itemsView: "notLoaded" } : turn;
}

async function expectAlike(whole: World, windowed: World): Promise<void> {
  expect(windowed.threadIds).toEqual(whole.threadIds);
  for (const threadId of whole.threadIds) {
    const [one, other] = [whole.manager.get(threadId), windowed.manager.get(threadId)];
    if (one === undefined || other === undefined) throw new Error("a thread is not loaded");
    expect(await windowed.store.loadHistory({ threadId })).toEqual(await whole.store.loadHistory({ threadId }));
    const shown = other.snapshot();
    const expected = one.snapshot();
    const turns = expected.thread.turns.map((turn, index) => like(turn, shown.thread.turns[index]));
    expect(shown).toEqual({ ...expected, thread: { ...expected.thread, turns } });
    expect(other.modelContext()).toEqual(one.modelContext());
  }
}

/** First ordinals of the history pages that were asked for so far. */
function firstsOf({ store }: World): readonly number[] {
  return store.journal.flatMap(({ method, params }) =>
    method === "loadHistory" ? [(params as { readonly from?: number }).from ?? 0] : [],
  );
}

describe("a thread that was loaded without its old turns' items", () => {
  test("law: records and shows what one does that read its whole log, whatever is done with both", async () => {
    const seen = { fromWindow: 0, all: 0 };
    await fc.assert(
      fc.asyncProperty(arbCompactedLog(), arbScript, async ([, ...items], script) => {
        if (items.length === 0) return;
        const whole = await openWorld(items, false);
        const windowed = await openWorld(items, true);
        const firsts = firstsOf(windowed);
        seen.all += 1;
        if (!firsts.includes(0)) seen.fromWindow += 1;
        await expectAlike(whole, windowed);
        for (const { thread, command } of script) {
          const [one, other] = [
            await outcomeOf(act(whole, thread, command)),
            await outcomeOf(act(windowed, thread, command)),
          ];
          expect(other).toEqual(one);
          await expectAlike(whole, windowed);
        }
        for (const threadId of whole.threadIds) {
          const read = await whole.manager.read(threadId, { includeTurns: true });
          expect(await windowed.manager.read(threadId, { includeTurns: true })).toEqual(read);
        }
        await whole.manager.shutdown();
        await windowed.manager.shutdown();
      }),
      { numRuns: 120 },
    );
    // Else the law would hold of a manager that always reads everything.
    expect(seen.fromWindow / seen.all).toBeGreaterThan(0.3);
  });
});
