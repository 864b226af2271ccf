/**
 * Laws of loaded threads under any script of commands, agents and store faults: what is live is what
 * the log says, the log only grows, and every turn that was handed out ends once.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  type Agent,
  type AgentEvent,
  createThreadManager,
  scriptedAgent,
  type StartedTurn,
  type ThreadHandle,
  type ThreadManager,
} from "../../src/actors/index.ts";
import { contextItems, emptyConversation, stepConversation, visibleTurns } from "../../src/actors/conversation.ts";
import { createIdSource, isSkeinError } from "../../src/base/index.ts";
import type { RolloutRecord } from "../../src/events/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock, drainEventLoop, type ManualClock } from "../../src/testing/manual-clock.ts";
import { diskFull, faultyThreadStore, type FaultyThreadStore } from "../support/faulty-thread-store.ts";

type Command =
  | { readonly type: "turn"; readonly text: string; readonly play: readonly Play[] }
  | { readonly type: "steer" | "inject" | "name"; readonly text: string }
  | { readonly type: "rollback" | "revert" | "forkBefore"; readonly count: number }
  | { readonly type: "fault"; readonly nth: number; readonly when: "before" | "after" }
  | {
      readonly type:
        | "interrupt"
        | "finish"
        | "fork"
        | "compact"
        | "review"
        | "git"
        | "reload"
        | "archive"
        | "unarchive"
        | "time";
    };

/** What an agent does in one turn; `wait` is until the command `finish`. */
type Play = "say" | "reason" | "call" | "usage" | "wait" | "fail" | "steered";

const textOf = fc.constantFrom("alpha", "beta", "gamma");
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant("turn" as const),
      text: textOf,
      play: fc.array(fc.constantFrom<Play[]>("say", "reason", "call", "usage", "wait", "fail", "steered"), {
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constantFrom("steer" as const, "inject" as const, "name" as const), text: textOf }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom("rollback" as const, "revert" as const, "forkBefore" as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("fault" as const),
      nth: fc.integer({ min: 1, max: 3 }),
      when: fc.constantFrom("before" as const, "after" as const),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "interrupt" as const,
        "finish" as const,
        "fork" as const,
        "compact" as const,
        "review" as const,
        "git" as const,
        "reload" as const,
        "archive" as const,
        "unarchive" as const,
        "time" as const,
      ),
    }),
  },
);
const script = fc.array(fc.record({ thread: fc.nat({ max: 2 }), command }), { minLength: 1, maxLength: 25 });

/** Codes a command may be refused with here; anything else is a bug. */
const EXPECTED = new Set([
  "turn_running",
  "no_turn_running",
  "turn_mismatch",
  "turn_not_steerable",
  "turn_not_found",
  "thread_failed",
  "thread_closed",
  "thread_not_loaded",
  "thread_not_found",
  "thread_archived",
  "thread_not_archived",
  "thread_not_materialized",
  "disk_full",
]);

interface World {
  readonly manager: ThreadManager;
  readonly store: FaultyThreadStore;
  readonly clock: ManualClock;
  readonly threads: ThreadHandle[];
  readonly plays: (readonly Play[])[];
  readonly turns: StartedTurn[];
  /** turn_completed by turn id. */
  readonly ended: Map<string, number>;
  /** The logs as they were seen last. */
  readonly logs: Map<string, readonly RolloutRecord[]>;
  release(): void;
}

async function openWorld(): Promise<World> {
  const clock = createManualClock();
  const store = faultyThreadStore(createMemoryThreadStore({ clock }));
  const plays: (readonly Play[])[] = [];
  const ended = new Map<string, number>();
  let held = Promise.withResolvers<void>();
  const manager = createThreadManager({
    store,
    clock,
    ids: createIdSource(clock),
    agent: playingAgent(plays, () => held.promise),
    defaults: { cwd: "/srv/ws" },
    restart: { backoffMs: 10 },
    onEvent: (event) => {
      if (event.type !== "signal" || event.signal.type !== "turn_completed") return;
      const { id } = event.signal.turn;
      ended.set(id, (ended.get(id) ?? 0) + 1);
    },
  });
  const threads = [await manager.start(), await manager.start()];
  const release = (): void => {
    held.resolve();
    held = Promise.withResolvers<void>();
  };
  return { manager, store, clock, threads, plays, turns: [], ended, logs: new Map(), release };
}

/** An agent that does what is planned next, whichever thread asks. */
function playingAgent(plays: (readonly Play[])[], held: () => Promise<void>): Agent {
  const call = { type: "function_call", name: "f", arguments: "{}", call_id: "c" };
  const step = {
    say: { say: "said" },
    reason: { reason: "thought" },
    call: { item: call },
    usage: { usage: { input_tokens: 3 } },
    fail: { fail: new Error("planned") },
    steered: { answerSteering: true },
  } as const;
  return {
    ...scriptedAgent({ turns: [] }),
    run(request): AsyncIterable<AgentEvent> {
      const steps = (plays.shift() ?? ["say"]).map((play) => (play === "wait" ? { waitFor: held() } : step[play]));
      return scriptedAgent({ turns: [[...steps, { say: "end" }]] }).run(request);
    },
  };
}

async function act(world: World, index: number, command: Command): Promise<void> {
  const { manager, store, clock } = world;
  const at = index % world.threads.length;
  const known = world.threads[at];
  if (known === undefined) return;
  const thread = manager.get(known.id) ?? known;
  const { activeTurnId, thread: view } = thread.snapshot();
  const begin = async (turn: Promise<StartedTurn>): Promise<void> => void world.turns.push(await turn);
  const turnId = (count: number): string => view.turns.at(-count)?.id ?? "none";
  switch (command.type) {
    case "turn":
      world.plays.splice(0, world.plays.length, command.play);
      return await begin(thread.startTurn(command.text));
    case "review":
      return await begin(thread.review({ type: "custom", instructions: "look" }));
    case "compact":
      return await begin(thread.compact());
    case "steer":
      return await thread.steer(activeTurnId ?? "none", command.text);
    case "interrupt":
      return void (await thread.interrupt(activeTurnId ?? "none"));
    case "inject":
      return await thread.injectItems([
        { type: "message", role: "user", content: [{ type: "input_text", text: command.text }] },
      ]);
    case "name":
      return void (await store.updateThreadMetadata({ threadId: thread.id, patch: { name: command.text } }));
    case "git":
      return void (await manager.updateMetadata(thread.id, { git: { branch: "trunk" } }));
    case "rollback":
      return void (await thread.rollback(command.count));
    case "revert":
      return void (await thread.revert(turnId(command.count)));
    case "fork":
      return void world.threads.push(await manager.fork(thread.id));
    case "forkBefore":
      return void world.threads.push(await manager.fork(thread.id, { beforeTurnId: turnId(command.count) }));
    case "reload":
      await manager.remove(thread.id);
      world.threads[at] = await manager.resume(thread.id);
      return undefined;
    case "archive":
      await manager.archive(thread.id);
      world.threads[at] = await manager.resume(thread.id);
      return undefined;
    case "unarchive":
      return void (await manager.unarchive(thread.id));
    case "fault":
      return store.planAppend(command.nth, { type: command.when, error: diskFull() });
    case "finish":
      return world.release();
    case "time":
      return void (await clock.run(1_000));
  }
}

async function logOf(world: World, threadId: string): Promise<readonly RolloutRecord[]> {
  try {
    return (await world.store.loadHistory({ threadId })).records;
  } catch (error) {
    if (isSkeinError(error, "thread_not_found")) return [];
    throw error;
  }
}

/** Live state is the replay of the log, and the log only grew. */
async function checkThread(world: World, thread: ThreadHandle): Promise<void> {
  const records = await logOf(world, thread.id);
  const before = world.logs.get(thread.id) ?? [];
  expect(records.slice(0, before.length)).toEqual(before);
  world.logs.set(thread.id, records);
  const { state, nextOrdinal, thread: view, activeTurnId } = thread.snapshot();
  // What a failing append left behind is folded when the thread opens again.
  if (state === "failed" || state === "opening" || state === "closed") return;
  let replayed = emptyConversation();
  for (const record of records) replayed = stepConversation(replayed, record);
  expect(nextOrdinal).toBe(records.length);
  expect(view.turns).toEqual(visibleTurns(replayed, activeTurnId));
  expect(thread.modelContext()).toEqual(contextItems(replayed));
  expect(view.turns.filter(({ status }) => status === "inProgress").map(({ id }) => id)).toEqual(
    activeTurnId === null ? [] : [activeTurnId],
  );
  if (records.length === 0) return;
  const stored = await world.manager.read(thread.id);
  const asStored = await world.store.readThread({ threadId: thread.id });
  expect({ ...stored, turns: [] }).toMatchObject({
    preview: asStored.preview,
    name: asStored.name,
    cwd: asStored.cwd,
    updatedAt: Math.floor(asStored.updatedAtMs / 1000),
  });
}

describe("after any script of commands, agents and store faults", () => {
  test("what is live is the replay of the log, the log only grows, and each turn ends once", async () => {
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const world = await openWorld();
        for (const { thread, command } of steps) {
          try {
            await act(world, thread, command);
          } catch (error) {
            if (!isSkeinError(error) || !EXPECTED.has(error.code)) throw error;
          }
          await drainEventLoop();
          for (const loaded of world.threads) await checkThread(world, loaded);
        }
        const { manager, store, clock } = world;
        const shutdown = manager.shutdown({ timeoutMs: 60_000 });
        await clock.run(60_000);
        expect((await shutdown).timedOut).toEqual([]);
        for (const { turnId, completed } of world.turns) {
          expect((await completed).id).toBe(turnId);
          expect([turnId, world.ended.get(turnId)]).toEqual([turnId, 1]);
        }
        expect(clock.pendingTimers()).toBe(0);
        await store.close();
      }),
      { numRuns: 150 },
    );
  });
});

describe("for any turns, steering and injections", () => {
  test("a revert gives the model exactly what it had before that turn began", async () => {
    const plan = fc.array(fc.record({ kind: fc.constantFrom("turn", "compact", "review", "inject"), text: textOf }), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(plan, fc.nat(), async (steps, pick) => {
        const world = await openWorld();
        const [thread] = world.threads;
        if (thread === undefined) return;
        const begins: { turnId: string; context: unknown; turns: unknown }[] = [];
        for (const { kind, text } of steps) {
          const context = thread.modelContext();
          const { turns } = thread.snapshot().thread;
          if (kind === "inject") {
            await thread.injectItems([{ type: "message", role: "user", content: [{ type: "input_text", text }] }]);
            continue;
          }
          const begin = {
            turn: () => thread.startTurn(text),
            compact: () => thread.compact(),
            review: () => thread.review({ type: "custom", instructions: text }),
          };
          const started = await begin[kind]();
          await started.completed;
          begins.push({ turnId: started.turnId, context, turns });
        }
        const chosen = begins[pick % Math.max(1, begins.length)];
        if (chosen !== undefined) {
          const snapshot = await thread.revert(chosen.turnId);
          expect(snapshot.thread.turns).toEqual(chosen.turns);
          expect(thread.modelContext()).toEqual(chosen.context);
        }
        await world.manager.shutdown();
      }),
      { numRuns: 100 },
    );
  });
});
