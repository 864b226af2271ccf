/**
 * What the steps of a plan do to threads: each takes a thread that the run knows, loads it where it has to be
 * loaded, and makes one call. What comes of it is looked at by who made the call.
 */
import { sleep } from "../../src/base/index.ts";
import type { Runtime, RuntimeThread } from "../../src/runtime/index.ts";
import { createSeededRandom, type SeededRandom } from "../../src/testing/simulation/index.ts";
import { followWithinLog } from "../support/follow-within-log.ts";
import { followFeed, type ToldRecord } from "./followed-feed.ts";
import type { TurnWriter } from "./scripted-turns.ts";
import type { SimulatedRuntime } from "./simulated-runtime.ts";
import type { StepKind } from "./simulation-plan.ts";

/** What an operation works with. */
export interface OperationContext {
  readonly process: SimulatedRuntime;
  readonly runtime: Runtime;
  readonly writer: TurnWriter;
  /** Drawn for this step alone. */
  readonly random: SeededRandom;
  /** All threads of the run so far, oldest first. */
  readonly threadIds: string[];
  /** Those that are stored, as far as anybody was told. */
  readonly storedIds: readonly string[];
  told(record: ToldRecord): void;
  /** A turn's id was handed out: from then on it must be recorded. */
  handedOut(threadId: string, turnId: string): void;
}

type Operation = (context: OperationContext) => Promise<unknown>;

/** Steps that are calls of a runtime. */
export type ThreadStep = Exclude<
  StepKind,
  "kill" | "powerCut" | "stop" | "wallJump" | "diskFull" | "rebuild" | "shutdown"
>;

/** A thread of the run; undefined while there is none. */
function someThread({ runtime, random, threadIds, storedIds }: OperationContext): string | undefined {
  // Mostly one that is at work here, or one of the newest that are stored: work comes together.
  const ways = [runtime.listLoaded(), storedIds.slice(-3), storedIds, threadIds].filter((ids) => ids.length > 0);
  const way = ways[random.chance(0.6) ? 0 : random.below(ways.length)];
  return way === undefined ? undefined : random.pick(way);
}

async function loaded(context: OperationContext, threadId: string): Promise<RuntimeThread> {
  const { runtime, random } = context;
  const excludeTurns = random.chance(0.3);
  return runtime.thread(threadId) ?? (await runtime.resumeThread(threadId, { excludeTurns }));
}

function onThread(work: (context: OperationContext, threadId: string) => Promise<unknown>): Operation {
  return async (context) => {
    const threadId = someThread(context);
    return threadId === undefined ? "nothing to do" : await work(context, threadId);
  };
}

function onLoaded(work: (context: OperationContext, thread: RuntimeThread) => Promise<unknown>): Operation {
  return onThread(async (context, threadId) => await work(context, await loaded(context, threadId)));
}

function remember({ threadIds }: OperationContext, { id }: { readonly id: string }): string {
  threadIds.push(id);
  return id;
}

/** The turn that runs, or one that doesn't. */
function activeTurn(thread: RuntimeThread, random: SeededRandom): string {
  const { activeTurnId, thread: shown } = thread.snapshot();
  if (activeTurnId !== null && random.chance(0.9)) return activeTurnId;
  return shown.turns.at(-1)?.id ?? thread.id;
}

async function follow(context: OperationContext, threadId: string): Promise<unknown> {
  const { runtime, random, process, told } = context;
  const { clock } = process.parts.scheduled;
  const place = random.chance(0.6) ? random.below(4) : "end";
  const polls = random.chance(0.3) ? { pollIntervalMs: 500 + random.below(2_000) } : {};
  const bounds = random.chance(0.7) ? { bufferRecordsMax: 1 + random.below(4) } : {};
  const ends = new AbortController();
  const { feed, from } = await followWithinLog(runtime, threadId, {
    from: place,
    signals: random.chance(0.5),
    ...polls,
    ...bounds,
    signal: ends.signal,
  });
  const slowMs = random.chance(0.4) ? random.unit() * 700 : 0;
  const pause = (): Promise<void> => (slowMs === 0 ? Promise.resolve() : sleep(clock, slowMs));
  if (random.chance(0.3)) clock.setTimer(random.unit() * 20_000, () => ends.abort());
  return await followFeed({ feed, threadId, from: from === "end" ? null : from, pause, told });
}

/** Every kind of step that is a call of a runtime. */
const THREAD_OPERATIONS: Readonly<Record<ThreadStep, Operation>> = Object.freeze({
  start: async (context: OperationContext) => {
    const thread = await context.runtime.startThread();
    remember(context, thread);
    if (context.random.chance(0.8)) await thread.startTurn(context.writer.text());
    return thread.id;
  },
  turn: onLoaded(async ({ writer, handedOut }, thread) => {
    const { turnId } = await thread.startTurn(writer.text());
    handedOut(thread.id, turnId);
    return turnId;
  }),
  steer: onLoaded(({ writer, random }, thread) => thread.steer(activeTurn(thread, random), writer.text())),
  interrupt: onLoaded(async ({ random }, thread) => (await thread.interrupt(activeTurn(thread, random))).status),
  fork: onThread(async (context, threadId) => {
    const turns = context.runtime.thread(threadId)?.snapshot().thread.turns ?? [];
    const before =
      turns.length > 0 && context.random.chance(0.5) ? { beforeTurnId: context.random.pick(turns).id } : {};
    return remember(context, await context.runtime.forkThread(threadId, before));
  }),
  rollback: onLoaded(async ({ random }, thread) => String((await thread.rollback(1 + random.below(2))).nextOrdinal)),
  revert: onLoaded(async ({ random }, thread) => {
    const { turns } = thread.snapshot().thread;
    if (turns.length === 0) return "nothing to do";
    return String((await thread.revert(random.pick(turns).id)).nextOrdinal);
  }),
  compact: onLoaded(async (_context, thread) => (await thread.compact()).turnId),
  review: onLoaded(async ({ writer, random, runtime }, thread) => {
    const delivery = random.chance(0.3) ? "detached" : "inline";
    const target = { type: "custom", instructions: writer.text() } as const;
    return (await runtime.review(thread.id, target, { delivery })).turn.turnId;
  }),
  inject: onLoaded(({ writer }, thread) =>
    thread.injectItems([{ type: "message", role: "user", content: [{ type: "input_text", text: writer.text() }] }]),
  ),
  archive: onThread(({ runtime }, threadId) => runtime.archiveThread(threadId)),
  unarchive: onThread(({ runtime }, threadId) => runtime.unarchiveThread(threadId)),
  delete: onThread(({ runtime }, threadId) => runtime.deleteThread(threadId)),
  rename: onThread(({ runtime, random }, threadId) =>
    runtime.updateMetadata(threadId, { name: random.chance(0.2) ? null : `name ${random.below(1_000)}` }),
  ),
  remember: onThread(({ runtime, random }, threadId) =>
    runtime.updateMetadata(threadId, { memoryMode: random.chance(0.5) ? "enabled" : "disabled" }),
  ),
  list: async ({ runtime, random }: OperationContext) => {
    const page = await runtime.listThreads({ limit: 3, useStateDbOnly: random.chance(0.3) });
    return `${page.data.length} ${page.isComplete}`;
  },
  search: async ({ runtime, random }: OperationContext) => {
    const { data } = await runtime.searchThreads({ query: `w${random.below(40)}w` });
    return String(data.length);
  },
  read: onThread(async ({ runtime, random }, threadId) => {
    const { turns } = await runtime.readThread(threadId, { includeTurns: random.chance(0.7) });
    return String(turns.length);
  }),
  turns: onThread(async ({ runtime }, threadId) => String((await runtime.listTurns({ threadId })).data.length)),
  follow: onThread(follow),
  resume: onLoaded((_context, thread) => Promise.resolve(thread.id)),
  unload: onLoaded((_context, thread) => thread.close()),
  flush: onLoaded((_context, thread) => thread.flush()),
  materialize: onLoaded((_context, thread) => thread.materialize()),
});

/** Makes one step's call. */
export async function operate(
  kind: ThreadStep,
  context: Omit<OperationContext, "random">,
  choice: number,
): Promise<unknown> {
  return await THREAD_OPERATIONS[kind]({ ...context, random: createSeededRandom(`step ${choice}`) });
}
