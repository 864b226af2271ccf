/**
 * A fold: the one way state comes from the log. Live threads, replay, projections and rebuilds run
 * the same folds, so that what is shown can't differ from what is stored.
 *
 * Invariants
 *   F1  step is pure: same state, same record, same answer; an older state stays usable.
 *   F2  load(save(state)) behaves as state does; `save` is plain JSON.
 *   F3  records arrive in ordinal order, each once, either as `step` or inside one `skip`.
 *   F4  step never throws on a record that was read: what it can't use it passes over.
 *   F5  A run of records the fold does not need gives the same state by `skip` as by `step`, as long
 *       as every line of it is what its head says (see SkippedRun).
 */
import type { RolloutRecord } from "./rollout-item.ts";

/** Which records a fold reads. A driver may hand the others over as `skip`, unparsed. */
export interface FoldNeeds {
  /** Record types the fold reads whole. */
  readonly types: ReadonlySet<string>;
  /** Kinds of `event_msg` it reads, where "event_msg" isn't in `types`. */
  readonly eventKinds: ReadonlySet<string>;
  /** It reads the user messages that may be hook prompts, where "response_item" isn't in `types`. */
  readonly hookPrompts?: boolean;
  /** It wants to know the time of the newest record, also of skipped ones. */
  readonly times?: boolean;
}

/**
 * Neighbouring records that were told by the first bytes of their lines and not parsed. Such a line
 * may still be broken further on; a fold for which that matters remembers that it believed heads.
 */
export interface SkippedRun {
  /** Ordinal of the first record of the run. */
  readonly from: number;
  /** The ordinal after its last one. */
  readonly to: number;
  /** How many of them the peer counts for the index in implicit turn ids. */
  readonly counted: number;
  /** Whether one of them separates what comes after it from input before it (a model's item, an event). */
  readonly breaksInput: boolean;
  /** Ordinal of the first input (turn_context, message to the model) after the last separation; null if none. */
  readonly inputFrom: number | null;
  /** Time of the newest record of the run, checked by parsing; null unless a fold needs times. */
  readonly timestamp: string | null;
}

/** A pure way from records to a state. See the file's head for its laws. */
export interface Fold<State, Saved = unknown> {
  /** Stable name: `turns`, `model_context`, … */
  readonly name: string;
  /** Raised when the same log gives another state than before; saved states of another version are dropped. */
  readonly version: number;
  readonly needs: FoldNeeds;
  initial(): State;
  step(state: State, record: RolloutRecord): State;
  /** Passes over records the fold does not need. Absent: they change nothing at all. */
  skip?(state: State, run: SkippedRun): State;
  save(state: State): Saved;
  load(saved: Saved): State;
}
