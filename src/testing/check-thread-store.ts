/**
 * Checks a store against every law without a test runner, and reports: which laws it keeps, which it breaks and
 * how, and which say nothing of it because of what it doesn't claim. The report is plain data, for JSON or for a
 * reader (store-report.ts).
 */
import { rejection } from "../base/index.ts";
import { beyondLaw, checkClaimedLaw, type LawVerdict, readClaims } from "./law-check.ts";
import type { LawCheckOptions } from "./law-check-options.ts";
import { chooseSeed } from "./law-seed.ts";
import type { StoreClaims } from "./store-claims.ts";
import type { StoreLaw } from "./store-law.ts";
import { storeLaws } from "./store-laws.ts";
import type { StoreFixture } from "./store-place.ts";

/** What to check, and how hard. */
export interface CheckThreadStoreOptions extends LawCheckOptions {
  /** Shown in the report: "memory". */
  readonly name: string;
  /** Makes an isolated place for each example. */
  readonly fixture: StoreFixture;
  /** Default: all of `storeLaws`. */
  readonly laws?: readonly StoreLaw[];
  /** Whether the check ends at the first law that is broken. Default false. */
  readonly failFast?: boolean;
  /** Told before each law that is tried. */
  readonly onLaw?: (law: StoreLaw, index: number, count: number) => void;
  /** Told behind each law. */
  readonly onVerdict?: (outcome: LawOutcome) => void;
  /** Ends the check between two laws; rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** One law, and what became of it. */
export type LawOutcome = { readonly id: string; readonly title: string } & LawVerdict;

/** What a store keeps and breaks. */
export interface StoreReport {
  readonly name: string;
  readonly claims: StoreClaims;
  /** All examples follow from it. */
  readonly seed: number;
  /** In the order they were tried. */
  readonly laws: readonly LawOutcome[];
  readonly kept: number;
  readonly broken: number;
  readonly notChecked: number;
  /** Laws behind the one that ended the check (`failFast`). */
  readonly notReached: number;
  readonly durationMs: number;
}

/**
 * Checks the store. Rejects when a place can't be made, whichever it is, and when the signal aborts. `invalid_argument`
 * for options that can't be used, without laws, and for a `path` with more than one law: it is of one law's failure.
 */
export async function checkThreadStore(options: CheckThreadStoreOptions): Promise<StoreReport> {
  const { name, fixture, laws: wished = storeLaws, failFast = false, onLaw, onVerdict, signal, ...checking } = options;
  if (wished.length === 0) throw rejection("invalid_argument", "there is no law to check: laws is empty");
  if (checking.path !== undefined && wished.length > 1) {
    throw rejection("invalid_argument", "a path leads to an example of one law: name that law", {
      laws: wished.length,
    });
  }
  const claims = await readClaims(fixture, checking);
  // Laws about stores that lack what this one has leave no gap, and are not told of.
  const laws = wished.filter((law) => beyondLaw(law, claims).length === 0);
  const seed = checking.seed ?? chooseSeed();
  const outcomes: LawOutcome[] = [];
  for (const [index, law] of laws.entries()) {
    signal?.throwIfAborted();
    onLaw?.(law, index, laws.length);
    const verdict = await checkClaimedLaw(law, fixture, { options: { ...checking, seed }, claims });
    const outcome = { id: law.id, title: law.title, ...verdict };
    outcomes.push(outcome);
    onVerdict?.(outcome);
    if (failFast && outcome.status === "broken") break;
  }
  const count = (status: LawVerdict["status"]): number => outcomes.filter((law) => law.status === status).length;
  const durationMs = outcomes.reduce((sum, law) => sum + (law.status === "not-checked" ? 0 : law.durationMs), 0);
  const counts = {
    kept: count("kept"),
    broken: count("broken"),
    notChecked: count("not-checked"),
    notReached: laws.length - outcomes.length,
  };
  return { name, claims, seed, laws: outcomes, ...counts, durationMs };
}
