/**
 * Every fold with what is compared of it: the view its readers get, and whether a state that was made by
 * skipping may be believed. Laws run over this table, so that a new fold can't be forgotten.
 */
import {
  type Fold,
  lineageFold,
  modelContextFold,
  modelContextOf,
  needsStrictReplay,
  threadMetadataFold,
  tokenUsageFold,
  tokenUsageOf,
  turnEntriesOf,
  turnsFold,
} from "../../src/events/index.ts";

export interface FoldCase {
  readonly fold: Fold<unknown>;
  /** What its readers see. */
  view(state: unknown): unknown;
  /** False: the state says itself that its log must be folded again without skipping. */
  isSure(state: unknown): boolean;
}

function foldCase<State>(
  fold: Fold<State>,
  view: (state: State) => unknown,
  isSure: (state: State) => boolean = () => true,
): FoldCase {
  return {
    fold,
    view: (state) => view(state as State),
    isSure: (state) => isSure(state as State),
  };
}

/** All folds of the room. */
export const FOLD_CASES: readonly FoldCase[] = [
  foldCase(
    turnsFold,
    (state) => turnEntriesOf(state, { live: true }),
    (state) => !needsStrictReplay(state),
  ),
  foldCase(modelContextFold, modelContextOf),
  foldCase(
    tokenUsageFold,
    (state) => [tokenUsageOf(state), state.turnId, state.turnPosition],
    (state) => !needsStrictReplay(state),
  ),
  foldCase(threadMetadataFold, (state) => state),
  foldCase(lineageFold, (state) => state),
];
