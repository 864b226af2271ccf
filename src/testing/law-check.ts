/**
 * Tries one law on one store: examples from the law's generator, each on a fresh place, until one breaks the law or
 * all were tried. A broken law's example is made small, tried once more on a place that records every call, and
 * told with its seed, its path and that record as code.
 *
 * Invariants
 *   K1  Every place that was made is disposed of, and every handle that the law left open is closed before.
 *   K2  A verdict never depends on time, but for a call that doesn't settle: that breaks the law by `exampleMaxMs`.
 *   K3  The same seed, runs and store give the same examples in the same order.
 */
import fc from "fast-check";

import { type Clock, systemClock } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";
import { createCallRecorder, type RecordedScript } from "./call-recorder.ts";
import type { LawFailure } from "./law-failure.ts";
import { claimsOf, meetsNeed, type StoreClaims, type StoreNeed } from "./store-claims.ts";
import type { LawPlace, StoreLaw } from "./store-law.ts";
import type { StoreFixture, StorePlace } from "./store-place.ts";

/** How a law is tried. */
export interface LawCheckOptions {
  /** All that is random follows from it; a 32-bit integer. Default: fast-check's global seed, else drawn anew. */
  readonly seed?: number;
  /** Examples tried. Default: the law's own number. */
  readonly runs?: number;
  /** Of a failure: only its example is tried again. */
  readonly path?: string;
  /** Of a failure of commands. */
  readonly replayPath?: string;
  /** What the store claims beyond, or less than, what its handle and place say. */
  readonly capabilities?: Partial<StoreClaims>;
  /** Longest that one example may take, milliseconds; a call that never settles breaks the law by it. Default 60,000. */
  readonly exampleMaxMs?: number;
  /** Whether an example that breaks the law is made small. Default true. */
  readonly shrinks?: boolean;
  /** Time of `durationMs`. Default: the machine's. */
  readonly clock?: Clock;
}

/** What became of a law. */
export type LawVerdict =
  | { readonly status: "kept"; readonly runs: number; readonly seed: number; readonly durationMs: number }
  | { readonly status: "broken"; readonly failure: LawFailure; readonly durationMs: number }
  | {
      readonly status: "not-checked";
      /** What the law needs and the store doesn't claim. */
      readonly missing: readonly StoreNeed[];
      /** What the store claims, though the law is about stores without it. */
      readonly beyond: readonly StoreNeed[];
    };

/** How a law is tried, on a store that claims what. */
export interface LawChecking {
  readonly options: LawCheckOptions;
  readonly claims: StoreClaims;
}

const EXAMPLE_MAX_MS = 60_000;

/** What the stores of a fixture claim: one place is made and opened to ask. Rejects with what the fixture rejects with. */
export async function readClaims(fixture: StoreFixture, passed: Partial<StoreClaims> = {}): Promise<StoreClaims> {
  const place = await fixture();
  try {
    const store = await place.open();
    try {
      return claimsOf(store, place, passed);
    } finally {
      await store.close();
    }
  } finally {
    await place.dispose();
  }
}

/** What a law needs that isn't claimed; empty when the law applies. */
function missingNeeds(law: StoreLaw, claims: StoreClaims): readonly StoreNeed[] {
  return law.needs.filter((need) => !meetsNeed(claims, need));
}

/** What is claimed though the law is about stores without it; empty when the law applies. */
export function beyondLaw(law: StoreLaw, claims: StoreClaims): readonly StoreNeed[] {
  return law.lacks.filter((need) => meetsNeed(claims, need));
}

/** Tries the law. Rejects only when no place can be made at all. */
export async function checkLaw(
  law: StoreLaw,
  fixture: StoreFixture,
  options: LawCheckOptions = {},
): Promise<LawVerdict> {
  return checkClaimedLaw(law, fixture, { options, claims: await readClaims(fixture, options.capabilities) });
}

/** Tries the law on a store whose claims are known. */
export async function checkClaimedLaw(
  law: StoreLaw,
  fixture: StoreFixture,
  { options, claims }: LawChecking,
): Promise<LawVerdict> {
  const { clock = systemClock } = options;
  const missing = missingNeeds(law, claims);
  const beyond = beyondLaw(law, claims);
  if (missing.length > 0 || beyond.length > 0) return { status: "not-checked", missing, beyond };
  const beginning = clock.monotonicMs();
  const details = await fc.check(propertyOf(law, fixture, { options, claims }), parametersOf(law, options));
  const durationMs = clock.monotonicMs() - beginning;
  if (!details.failed) return { status: "kept", runs: details.numRuns, seed: details.seed, durationMs };
  const [example] = details.counterexample ?? [];
  const { replayPath } = /\/\*replayPath="(?<replayPath>[^"]*)"\*\//.exec(fc.stringify(example))?.groups ?? {};
  const again = {
    seed: details.seed,
    path: details.counterexamplePath ?? "",
    ...(replayPath === undefined ? {} : { replayPath }),
  };
  const script = await recordExample(law, fixture, { options: { ...options, ...again }, claims });
  const failure: LawFailure = {
    lawId: law.id,
    title: law.title,
    ...again,
    runs: details.numRuns,
    shrinks: details.numShrinks,
    example: fc.stringify(example),
    error: details.errorInstance,
    ...script,
  };
  return { status: "broken", failure, durationMs };
}

function parametersOf(law: StoreLaw, options: LawCheckOptions): fc.Parameters<[unknown]> {
  const { seed, path, runs = law.runs, shrinks = true } = options;
  return {
    numRuns: runs,
    endOnFailure: !shrinks,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  };
}

function propertyOf(
  law: StoreLaw,
  fixture: StoreFixture,
  { options, claims }: LawChecking,
): fc.IAsyncProperty<[unknown]> {
  // Behind the example of a path come its neighbours; a replay is of that one alone.
  let isReplayed = false;
  return fc.asyncProperty(law.generator(options.replayPath), async (example) => {
    if (isReplayed) return;
    await onFreshPlace(fixture, { claims, options }, (place) => law.holds(place, example));
    isReplayed = options.path !== undefined;
  });
}

/** Gives `body` a fresh place, closes what it left open, and disposes of the place (K1). */
async function onFreshPlace(
  fixture: StoreFixture,
  { claims, options }: LawChecking,
  body: (place: LawPlace) => Promise<void>,
): Promise<void> {
  const { exampleMaxMs = EXAMPLE_MAX_MS } = options;
  const place = await fixture();
  const open = new Set<ThreadStore>();
  try {
    await settling(body(lawPlace(place, claims, open)), exampleMaxMs);
    // A store that can't be closed breaks whatever law it was tried by.
    for (const store of open) await settling(store.close(), exampleMaxMs);
    open.clear();
  } finally {
    for (const store of open) await settling(store.close(), exampleMaxMs).catch(ignoreBehindFailure);
    await place.dispose();
  }
}

/** The law has failed already: what its broken store says to being closed adds nothing. */
function ignoreBehindFailure(): void {}

function lawPlace(place: StorePlace, claims: StoreClaims, open: Set<ThreadStore>): LawPlace {
  return {
    place: place.place,
    claims,
    open: async (options) => {
      const store = await place.open(options);
      open.add(store);
      return store;
    },
    reopen: async (handle, options) => {
      open.delete(handle);
      let store: ThreadStore;
      if (place.reopen === undefined) {
        await handle.close();
        store = await place.open(options);
      } else store = await place.reopen(handle, options);
      open.add(store);
      return store;
    },
    ...(place.kill === undefined
      ? {}
      : {
          kill: async (handle) => {
            open.delete(handle);
            await place.kill?.(handle);
          },
        }),
    ...(place.cutPower === undefined
      ? {}
      : {
          cutPower: async () => {
            open.clear();
            await place.cutPower?.();
          },
        }),
    ...(place.corrupt === undefined
      ? {}
      : { corrupt: async (threadId, damage) => await place.corrupt?.(threadId, damage) }),
    dispose: () => place.dispose(),
  };
}

/** The work's outcome, or an error when it takes longer than that. */
async function settling(work: Promise<void>, maxMs: number): Promise<void> {
  let cancel = (): void => {};
  const late = new Promise<never>((_, reject) => {
    const timer = systemClock.setTimer(maxMs, () => reject(new Error(`a call didn't settle within ${maxMs} ms`)), {
      holdsProcess: true,
    });
    cancel = () => timer.cancel();
  });
  try {
    await Promise.race([work, late]);
  } finally {
    cancel();
  }
}

/** Tries the small example once more, and writes down what was called. */
async function recordExample(
  law: StoreLaw,
  fixture: StoreFixture,
  { options, claims }: LawChecking,
): Promise<RecordedScript & Pick<LawFailure, "repeats">> {
  const recorder = createCallRecorder();
  // Drawn anew: commands remember that they ran and schedulers what they chose, and fast-check's clone of an example
  // that was made small lacks the members that need no clone.
  const property = propertyOf(law, recorder.recording(fixture), { options, claims });
  const details = await fc.check(property, parametersOf(law, { ...options, shrinks: false }));
  if (!details.failed) return { repeats: false, ...recorder.script() };
  return { repeats: true, ...recorder.script(details.errorInstance) };
}
