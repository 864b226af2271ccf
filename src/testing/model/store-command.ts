/**
 * The form of a command: what it does to a store and to its model, and the code that shows it. The code is an
 * expression, for fast-check joins commands by commas: a script reads as
 * `w1 = (await store.createThread(…)).writer, await store.appendItems(…)`, with `w1` and `store` declared before.
 */
import { deepEqual } from "node:assert/strict";

import fc from "fast-check";

import type { ThreadStore } from "../../store/index.ts";
import { refused } from "../law-steps.ts";
import type { LawPlace } from "../store-law.ts";
import type { NamedWriter, Refusal, StoreModel } from "./store-model.ts";

/** What commands run on: a place, and the handle that is open on it now. */
export interface StoreSession {
  readonly place: LawPlace;
  store: ThreadStore;
}

/** A command of `fc.commands`. */
export type StoreCommand = fc.AsyncCommand<StoreModel, StoreSession>;

/** One run of a command: where it is, and how it tells what it does before it does it. */
export interface CommandRun {
  readonly model: StoreModel;
  readonly session: StoreSession;
  /** Says the code. Ordinary strings are code; values are put in by `literal`. */
  readonly say: (code: string) => void;
}

/** What a command does. */
export interface CommandPlan {
  /** Shown when it didn't run. */
  readonly name: string;
  /** Whether it can be run now. Default: always. */
  readonly isPossible?: (model: StoreModel) => boolean;
  /** Runs it on the store, and compares with the model. */
  readonly run: (run: CommandRun) => Promise<void>;
}

/** Makes a command. Each run of it shows its own code: fast-check clones it. */
export function storeCommand(plan: CommandPlan): StoreCommand {
  let code = plan.name;
  const command: StoreCommand & fc.WithCloneMethod<StoreCommand> = {
    // Nothing is changed by asking.
    check: (model) => plan.isPossible?.(model as StoreModel) ?? true,
    run: (model, session) =>
      plan.run({
        model,
        session,
        say: (said) => {
          code = said;
        },
      }),
    toString: () => code,
    [fc.cloneMethod]: () => storeCommand(plan),
  };
  return command;
}

/** Checks a call against what the model says: refused by one of the codes, or answered. Undefined when refused. */
export async function answered<Answer>(refusal: Refusal, call: Promise<Answer>): Promise<Answer | undefined> {
  if (refusal === null) return call;
  await refused(call, ...refusal);
  return undefined;
}

/** A value as code. */
export function literal(value: unknown): string {
  return JSON.stringify(value).replaceAll(/"(?<name>[a-zA-Z]+)":/g, "$<name>: ");
}

/** Which of several: the n-th, from the end where it is negative, counted around. Undefined when there are none. */
function pick<Value>(values: readonly Value[], nth: number): Value | undefined {
  return values.at(nth % Math.max(1, values.length));
}

/** A writer: mostly one that is open. */
export interface WriterChoice {
  readonly nth: number;
  readonly isOpen: boolean;
}

/** The chosen writer, open ones only where any is. */
export function pickWriter(model: StoreModel, { nth, isOpen }: WriterChoice): NamedWriter | undefined {
  const open = model.writers.filter(({ writer }) => model.writable(writer) !== undefined);
  return pick(isOpen && open.length > 0 ? open : model.writers, nth);
}

/** A thread: mostly one that is stored. */
export interface ThreadChoice {
  readonly nth: number;
  readonly isStored: boolean;
}

/** A thread's id, and the code that shows it. */
export interface PickedThread {
  readonly id: string;
  readonly code: string;
}

/** The chosen thread: stored ones only where any is. */
export function pickThread(model: StoreModel, { nth, isStored }: ThreadChoice): PickedThread | undefined {
  const all = [...model.ids.keys()];
  const stored = all.filter((id) => model.stored(id) !== undefined);
  const id = pick(isStored && stored.length > 0 ? stored : all, nth);
  const named = id === undefined ? undefined : model.ids.get(id);
  return id === undefined || named === undefined ? undefined : { id, code: `${named.name}.threadId` };
}

/** Mostly the first or the newest, so that calls meet on one thread. */
const arbNth = fc.constantFrom(0, 0, 0, -1, -1, -1, 1, 2, 3, -2);

/** Draws writers. */
export const arbWriterChoice: fc.Arbitrary<WriterChoice> = fc.record({
  nth: arbNth,
  isOpen: fc.constantFrom(true, true, true, false),
});

/** Draws threads. */
export const arbThreadChoice: fc.Arbitrary<ThreadChoice> = fc.record({
  nth: arbNth,
  isStored: fc.constantFrom(true, true, true, true, false),
});

/** An id that was given: one whose thread is gone where there is any. */
export function pickTaken(model: StoreModel, { nth, isStored }: ThreadChoice): PickedThread | undefined {
  const gone = [...model.ids].filter(([id]) => !model.threads.has(id));
  const [id, named] = (isStored ? pick(gone, nth) : undefined) ?? pick([...model.ids], nth) ?? [];
  return id === undefined || named === undefined ? undefined : { id, code: `${named.name}.threadId` };
}

/** Compares what a store shows of its threads with the model, one read and one page of history each. */
export async function matchesModel(model: StoreModel, store: ThreadStore): Promise<void> {
  for (const id of model.ids.keys()) {
    const thread = model.stored(id);
    const refusal = model.refusalOfStored(id);
    const read = await answered(refusal, store.readThread({ threadId: id }));
    const page = await answered(refusal, store.loadHistory({ threadId: id }));
    if (thread === undefined || read === undefined || page === undefined) continue;
    deepEqual(
      { id: read.id, archived: read.archived, name: read.name, memoryMode: read.memoryMode, fork: read.forkedFromId },
      {
        id,
        archived: thread.isArchived,
        name: thread.name,
        memoryMode: thread.memoryMode,
        fork: thread.forkedFromId,
      },
    );
    deepEqual({ sha: null, branch: null, originUrl: null, ...read.git }, thread.git);
    deepEqual(
      page.records.map(({ item, ordinal }) => [ordinal, item.type === "session_meta" ? "session_meta" : item]),
      thread.records.map((item, ordinal) => [ordinal, item]),
    );
  }
}
