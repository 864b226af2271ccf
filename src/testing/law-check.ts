/**
 * Tries one law on one store: examples from the law's generator, each on a fresh place, until one breaks the law or
 * all were tried. A broken law's example is made small, tried once more on a place that records every call, and
 * told with its seed, its path and that record as code.
 *
 * Invariants
 *   K1  Every place that was made is disposed of, and every handle that the law left open is closed before.
 *   K2  A verdict never depends on time, but for a call that doesn't settle: that breaks the law by `exampleMaxMs`.
 *   K3  The same seed, runs and store give the same examples in the same order.
 *   K4  "Kept" says that examples were tried: what leads to none is refused, and a fixture that makes no place is
 *       no broken law but an error of its own.
 */
import fc from "fast-check";

import { assert, rejection, systemClock } from "../base/index.ts";
import { createCallRecorder, type RecordedScript } from "./call-recorder.ts";
import { errorText } from "./error-text.ts";
import { makePlace, onPlace } from "./example-place.ts";
import { type LawCheckOptions, requireCheckOptions } from "./law-check-options.ts";
import type { LawFailure } from "./law-failure.ts";
import { NotSettledError } from "./settling.ts";
import { claimsOf, meetsNeed, type StoreClaims, type StoreNeed } from "./store-claims.ts";
import type { StoreLaw } from "./store-law.ts";
import type { StoreFixture, StorePlace } from "./store-place.ts";

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

const EXAMPLE_MAX_MS = 30_000;

/**
 * What the stores of a fixture claim: one place is made and opened to ask. Rejects with what the fixture rejects with,
 * and with `invalid_argument` for options that can't be used.
 */
export async function readClaims(
  fixture: StoreFixture,
  options: Omit<LawCheckOptions, "clock" | "shrinks"> = {},
): Promise<StoreClaims> {
  requireCheckOptions(options);
  const { capabilities, exampleMaxMs = EXAMPLE_MAX_MS } = options;
  const place = await makePlace(fixture, exampleMaxMs);
  const read: StoreClaims[] = [];
  await onPlace(place, { maxMs: exampleMaxMs }, async ({ open }) => {
    read.push(claimsOf(await open(), place, capabilities));
  });
  const [claims] = read;
  assert(claims !== undefined, "a place that was opened has claims");
  return claims;
}

/** What a law needs that isn't claimed; empty when the law applies. */
function missingNeeds(law: StoreLaw, claims: StoreClaims): readonly StoreNeed[] {
  return law.needs.filter((need) => !meetsNeed(claims, need));
}

/** What is claimed though the law is about stores without it; empty when the law applies. */
export function beyondLaw(law: StoreLaw, claims: StoreClaims): readonly StoreNeed[] {
  return law.lacks.filter((need) => meetsNeed(claims, need));
}

/**
 * Tries the law. Rejects when a place can't be made, with what the fixture rejects with; with `invalid_argument` for
 * options that can't be used, and for a path that leads to no example of the law.
 */
export async function checkLaw(
  law: StoreLaw,
  fixture: StoreFixture,
  options: LawCheckOptions = {},
): Promise<LawVerdict> {
  return checkClaimedLaw(law, fixture, { options, claims: await readClaims(fixture, options) });
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
  const trial = newTrial();
  const details = await tryExamples(law, fixture, { options, claims, trial });
  if (trial.noPlace !== undefined) throw trial.noPlace.error;
  const durationMs = clock.monotonicMs() - beginning;
  if (!details.failed) {
    const runs = options.path === undefined ? details.numRuns : trial.tried;
    return { status: "kept", runs, seed: details.seed, durationMs };
  }
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

/** What came of a law's examples until now. */
interface Trial {
  /** Examples that were tried. */
  tried: number;
  hasFailed: boolean;
  /** Nothing more is tried: what fast-check still draws passes. */
  isOver: boolean;
  /** What the fixture rejected with before any example had failed. */
  noPlace?: { readonly error: unknown };
}

function newTrial(): Trial {
  return { tried: 0, hasFailed: false, isOver: false };
}

interface Trying extends LawChecking {
  readonly trial: Trial;
}

/** Runs the examples. `invalid_argument` where none was tried (K4). */
async function tryExamples(law: StoreLaw, fixture: StoreFixture, trying: Trying): Promise<fc.RunDetails<[unknown]>> {
  const { options, trial } = trying;
  let details: fc.RunDetails<[unknown]>;
  try {
    details = await fc.check(propertyOf(law, fixture, trying), parametersOf(law, options));
  } catch (error) {
    // Commands were drawn that the replayPath doesn't fit.
    if (options.replayPath === undefined || !errorText(error).includes("replayPath")) throw error;
    throw noExample(law, options);
  }
  if (trial.tried === 0 && trial.noPlace === undefined) throw noExample(law, options);
  return details;
}

function noExample({ id }: StoreLaw, { path }: LawCheckOptions): Error {
  if (path === undefined)
    return rejection("invalid_argument", `${id} has no example that it can be tried with`, { id });
  return rejection("invalid_argument", `the path leads to no example of ${id} any more: the law was changed`, {
    id,
    path,
  });
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
  { options, claims, trial }: Trying,
): fc.IAsyncProperty<[unknown]> {
  const { exampleMaxMs: maxMs = EXAMPLE_MAX_MS, path, replayPath } = options;
  // What hangs costs its time with each step that would make it smaller: it is told as it was found.
  const onFailure = (error: unknown): void => {
    trial.hasFailed = true;
    if (error instanceof NotSettledError) trial.isOver = true;
  };
  return fc.asyncProperty(law.generator(replayPath), async (example) => {
    if (trial.isOver) return;
    const place = await placeFor(trial, fixture, maxMs);
    if (place === undefined) return;
    try {
      await onPlace(place, { maxMs, onLaterFailure: onFailure }, (open) => law.holds({ ...open, claims }, example));
    } catch (error) {
      // The law says nothing of such an example.
      if (fc.PreconditionFailure.isFailure(error)) throw error;
      trial.tried += 1;
      onFailure(error);
      throw error;
    }
    trial.tried += 1;
    // Behind the example of a path come its neighbours; a replay is of that one alone.
    if (path !== undefined) trial.isOver = true;
  });
}

/** A place; none where the fixture fails while an example is made small, which ends with what was found. */
async function placeFor(trial: Trial, fixture: StoreFixture, maxMs: number): Promise<StorePlace | undefined> {
  try {
    return await makePlace(fixture, maxMs);
  } catch (error) {
    trial.isOver = true;
    if (trial.hasFailed) return undefined;
    trial.noPlace = { error };
    throw error;
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
  const trial = newTrial();
  const property = propertyOf(law, recorder.recording(fixture), { options, claims, trial });
  const details = await fc.check(property, parametersOf(law, { ...options, shrinks: false }));
  if (!details.failed || trial.noPlace !== undefined) return { repeats: false, ...recorder.script() };
  return { repeats: true, ...recorder.script(details.errorInstance) };
}
