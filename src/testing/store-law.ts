/**
 * The form of a law: one sentence about every ThreadStore, and the code that tries to break it. A law
 * knows no test runner: it resolves when the store keeps it and rejects when it doesn't, so it can be
 * run by vitest, by a script, or against a store with a planted bug.
 *
 * A law makes the places it needs through the fixture, and leaves none behind.
 */
import type { Clock } from "../base/index.ts";
import type { ThreadStore, ThreadStoreCapabilities } from "../store/index.ts";

/** What a law may ask of the handle it gets. An adapter without clocks to hand over may ignore it. */
export interface StoreOpenOptions {
  /** Wall time and timers of the store. Default: the adapter's own. */
  readonly clock?: Clock;
}

/** One isolated place that a store keeps threads in. */
export interface StorePlace {
  /** A handle to the place. After `close()` of the handle before, it reopens what is there. */
  open(options?: StoreOpenOptions): Promise<ThreadStore>;
  /** Removes the place and all in it. The law has closed its handles by then. */
  dispose(): Promise<void>;
}

/** Makes a new, empty place. */
export type StoreFixture = () => Promise<StorePlace>;

/** Capabilities that switch laws on. */
export type StoreNeed = keyof Omit<ThreadStoreCapabilities, "durability">;

/** A sentence that holds for every store with the capabilities it needs. */
export interface StoreLaw {
  /** Stable: `append.ordinals`. */
  readonly id: string;
  /** The law in words. */
  readonly title: string;
  /** The law says nothing about stores without these. Default none. */
  readonly needs?: readonly StoreNeed[];
  /** Rejects, saying what differs, when the store of this fixture breaks the law. */
  run(fixture: StoreFixture): Promise<void>;
}

/** What of a law's needs a store lacks; empty when the law applies. */
export function missingNeeds(law: StoreLaw, capabilities: ThreadStoreCapabilities): readonly StoreNeed[] {
  return (law.needs ?? []).filter((need) => !capabilities[need]);
}
