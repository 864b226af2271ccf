/**
 * What the tests of the actors share: a manager over a store (memory, or files in a folder of its own)
 * on a clock that stands still, with everything it tells, and gates to hold an agent at a point.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type Agent,
  createThreadManager,
  type ManagerEvent,
  type Signal,
  type ThreadManager,
  type ThreadManagerOptions,
} from "../../src/actors/index.ts";
import { createIdSource } from "../../src/base/index.ts";
import type { EventMsg, RolloutItem, RolloutRecord } from "../../src/events/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock, type ManualClock } from "../../src/testing/manual-clock.ts";

export const STORE_KINDS = ["memory", "local"] as const;
export type StoreKind = (typeof STORE_KINDS)[number];

export interface ActorFixture<Store extends ThreadStore = ThreadStore> {
  readonly manager: ThreadManager;
  readonly store: Store;
  readonly clock: ManualClock;
  /** Everything the manager told, in order. */
  readonly events: ManagerEvent[];
  /** The signals of a thread, in order. */
  signals(threadId: string): Signal[];
  /** The thread's whole log. */
  records(threadId: string): Promise<readonly RolloutRecord[]>;
  /** The log as words: `session_meta`, `event_msg:task_started`, … */
  kinds(threadId: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

export interface FixtureOptions extends Partial<Omit<ThreadManagerOptions, "store" | "agent" | "clock">> {
  readonly agent: Agent | ((clock: ManualClock) => Agent);
  readonly kind?: StoreKind;
}

/** Opens a manager on a store of this kind. */
export async function openFixture(options: FixtureOptions): Promise<ActorFixture> {
  const clock = createManualClock();
  const opened = await openStore(options.kind ?? "memory", clock);
  return fixtureOver(opened, options, clock);
}

/** A fixture on a store that the test made. */
export function fixtureOver<Store extends ThreadStore>(
  { store, close }: { readonly store: Store; readonly close: () => Promise<void> },
  options: FixtureOptions,
  clock: ManualClock = createManualClock(),
): ActorFixture<Store> {
  const { agent, kind: _kind, ...rest } = options;
  const events: ManagerEvent[] = [];
  const manager = createThreadManager({
    store,
    clock,
    ids: createIdSource(clock),
    agent: typeof agent === "function" ? agent(clock) : agent,
    onEvent: (event) => void events.push(event),
    defaults: { cwd: "/srv/ws" },
    ...rest,
  });
  const records = async (threadId: string): Promise<readonly RolloutRecord[]> =>
    (await store.loadHistory({ threadId })).records;
  return {
    manager,
    store,
    clock,
    events,
    signals: (threadId) =>
      events.flatMap((event) => (event.type === "signal" && event.threadId === threadId ? [event.signal] : [])),
    records,
    kinds: async (threadId) => (await records(threadId)).map(({ item }) => kindOf(item)),
    close: async () => {
      await manager.shutdown({ timeoutMs: 60_000 });
      await close();
    },
  };
}

/** A store of this kind on the test's clock; files go into a folder that `close` removes. */
async function openStore(
  kind: StoreKind,
  clock: ManualClock,
): Promise<{ readonly store: ThreadStore; readonly close: () => Promise<void> }> {
  if (kind === "memory") {
    const store = createMemoryThreadStore({ clock });
    return { store, close: () => store.close() };
  }
  const home = await mkdtemp(join(tmpdir(), "skein-actors-"));
  const store = await openLocalThreadStore({ home, clock });
  return {
    store,
    close: async () => {
      await store.close();
      await rm(home, { recursive: true });
    },
  };
}

/** A record's type, with its kind where it is an event. */
export function kindOf(item: RolloutItem): string {
  if (item.type !== "event_msg") return item.type;
  return `event_msg:${item.payload.type}`;
}

/** The payloads of the events of a kind. */
export function eventsOf(records: readonly RolloutRecord[], type: string): readonly EventMsg[] {
  return records.flatMap(({ item }) => (item.type === "event_msg" && item.payload.type === type ? [item.payload] : []));
}

/** What a promise is refused with, from now on watched; undefined when it resolves. */
export async function refusalOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Something to wait for that the test opens. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

/** Resolves when the manager told what fits; looks after every turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  for (let rounds = 0; rounds < 20_000; rounds += 1) {
    if (condition()) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  throw new Error("what was waited for did not happen");
}
