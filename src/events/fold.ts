/**
 * A fold: the one way state comes from the log. Live threads, replay, projections and rebuilds run
 * the same folds, so that what is shown can't differ from what is stored.
 *
 * Invariants
 *   F1  step is pure: same state, same record, same answer; an older state stays usable.
 *   F2  load(save(state)) behaves as state does; `save` is plain JSON.
 *   F3  records arrive in ordinal order, each once.
 *   F4  step never throws on a record that was read: what it can't use it passes over.
 */
import type { RolloutRecord } from "./rollout-item.ts";

/** Which records a fold reads. A driver may hand the others over as `skip`, unparsed. */
export interface FoldNeeds {
  /** Record types the fold reads whole. */
  readonly types: ReadonlySet<string>;
  /** Kinds of `event_msg` it reads, where "event_msg" isn't in `types`. */
  readonly eventKinds: ReadonlySet<string>;
  /** Text that makes a line worth reading whatever its type (`<hook_prompt`). */
  readonly texts: readonly string[];
}

export interface Fold<State, Saved = unknown> {
  /** Stable name: `turns`, `model_context`, … */
  readonly name: string;
  /** Raised when the same log gives another state than before; saved states of another version are dropped. */
  readonly version: number;
  readonly needs: FoldNeeds;
  initial(): State;
  step(state: State, record: RolloutRecord): State;
  save(state: State): Saved;
  load(saved: Saved): State;
}
