/**
 * The form of a law: an id, a sentence about every ThreadStore, a generator of examples, and the code that tries
 * to break the sentence with one example on one fresh place. A law knows no test runner.
 *
 * Because every example has a place of its own, an example that breaks the law breaks it again: it can be made
 * small, and replayed by its seed and path.
 */
import type fc from "fast-check";

import type { ThreadStore } from "../store/index.ts";
import type { StoreClaims, StoreNeed } from "./store-claims.ts";
import type { StoreOpenOptions, StorePlace } from "./store-place.ts";

/** What a law is tried on. */
export interface LawPlace extends StorePlace {
  /** What the store claims: a law that holds in more than one way looks here. */
  readonly claims: StoreClaims;
  /** As of the place, or else a close and an open. */
  reopen(handle: ThreadStore, options?: StoreOpenOptions): Promise<ThreadStore>;
}

/** A sentence that holds for every store that claims what it needs. */
export interface StoreLaw<Example = unknown> {
  /** Stable, group first: `append.ordinals`. Code and tests cite it; docs/INVARIANTS.md lists it. */
  readonly id: string;
  /** The law in words. */
  readonly title: string;
  /** The law says nothing about stores that don't claim these. Default none. */
  readonly needs: readonly StoreNeed[];
  /** The law is about stores that claim none of these, and says nothing of others. Default none. */
  readonly lacks: readonly StoreNeed[];
  /** Examples tried where nobody asks for another number. */
  readonly runs: number;
  /** Makes examples, and makes them smaller. `replayPath` is of a failure: only commands have one. */
  generator(replayPath?: string): fc.Arbitrary<Example>;
  /** Rejects, saying what differs, when the store of this place breaks the law with this example. */
  holds(place: LawPlace, example: Example): Promise<void>;
}

/** A law as its author writes it. */
export interface StoreLawOptions<Example> {
  readonly id: string;
  readonly title: string;
  readonly needs?: readonly StoreNeed[];
  readonly lacks?: readonly StoreNeed[];
  /** Default 20. Fewer for a law whose example is large. */
  readonly runs?: number;
  readonly generator: fc.Arbitrary<Example> | ((replayPath?: string) => fc.Arbitrary<Example>);
  readonly holds: (place: LawPlace, example: Example) => Promise<void>;
}

const RUNS = 20;

/** Makes a law. Its type forgets the example's, so that laws of all kinds stand in one list. */
export function storeLaw<Example>(options: StoreLawOptions<Example>): StoreLaw {
  const { id, title, needs = [], lacks = [], runs = RUNS, generator, holds } = options;
  const law: StoreLaw<Example> = {
    id,
    title,
    needs,
    lacks,
    runs,
    generator: (replayPath) => (typeof generator === "function" ? generator(replayPath) : generator),
    holds,
  };
  // `holds` only ever gets what its own generator made: see law-check.ts.
  return Object.freeze(law);
}
