/**
 * Folds over the bytes of a log: several folds in one pass, each told what it needs. The states are
 * those of the log as it stands: an append that isn't complete at the end is not in them.
 */
import type { Fold, SkippedRun } from "./fold.ts";
import { createLogScanner, type ScanEnd } from "./log-scanner.ts";
import type { RolloutRecord } from "./rollout-item.ts";

/** Folds by the name the caller knows them under. */
export type FoldSet = Readonly<Record<string, Fold<unknown>>>;

/** The states of a set of folds. */
export type FoldStates<Folds extends FoldSet> = {
  readonly [Name in keyof Folds]: Folds[Name] extends Fold<infer State> ? State : never;
};

export interface FoldScannerOptions<Folds extends FoldSet> {
  readonly folds: Folds;
  /** Parse every line. Default false: lines that no fold needs are skipped by their heads. */
  readonly isStrict?: boolean;
  /** States to go on from, after the records before `startOrdinal`. Default: initial ones. */
  readonly states?: FoldStates<Folds>;
  /** Ordinal of the first line. Default 0. */
  readonly startOrdinal?: number;
  /** Byte offset of the first line in its file. Default 0. */
  readonly startOffset?: number;
}

/** What stands at the end, and the states there. */
export interface FoldScanEnd<Folds extends FoldSet> extends ScanEnd {
  readonly states: FoldStates<Folds>;
}

export interface FoldScanner<Folds extends FoldSet> {
  /** Takes the next bytes. The block may be reused afterwards. */
  push(block: Uint8Array): void;
  /** The states after all complete lines so far. The scanner can go on afterwards. */
  end(): FoldScanEnd<Folds>;
}

/** Makes a scanner that steps all folds of the set. */
export function createFoldScanner<Folds extends FoldSet>(options: FoldScannerOptions<Folds>): FoldScanner<Folds> {
  const names = Object.keys(options.folds);
  const folds = names.map((name) => requireEntry<Fold<unknown>>(options.folds, name));
  const given: Readonly<Record<string, unknown>> | undefined = options.states;
  const states = folds.map((fold, index) => (given === undefined ? fold.initial() : given[names[index] ?? ""]));
  const scanner = createLogScanner({
    ...(options.isStrict === true ? {} : { needs: folds.map((fold) => fold.needs) }),
    startOrdinal: options.startOrdinal ?? 0,
    startOffset: options.startOffset ?? 0,
    sink: {
      record: (record: RolloutRecord): void => {
        for (let index = 0; index < folds.length; index += 1) {
          const fold = folds[index];
          if (fold !== undefined) states[index] = fold.step(states[index], record);
        }
      },
      skipped: (run: SkippedRun): void => {
        for (let index = 0; index < folds.length; index += 1) {
          const fold = folds[index];
          if (fold?.skip !== undefined) states[index] = fold.skip(states[index], run);
        }
      },
    },
  });
  return {
    push: (block) => scanner.push(block),
    end: () => {
      const entries = names.map((name, index) => [name, states[index]]);
      // One state a fold, under the fold's name.
      return { ...scanner.end(), states: Object.fromEntries(entries) as FoldStates<Folds> };
    },
  };
}

function requireEntry<Value>(entries: Readonly<Record<string, Value>>, name: string): Value {
  const value = entries[name];
  if (value === undefined) throw new TypeError(`no fold ${name}`);
  return value;
}

/** A fold's state over records that were read whole: what live threads do, batch after batch. */
export function foldRecords<State>(
  fold: Fold<State>,
  records: Iterable<RolloutRecord>,
  from: State = fold.initial(),
): State {
  let state = from;
  for (const record of records) state = fold.step(state, record);
  return state;
}
