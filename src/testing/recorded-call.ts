/**
 * What a recording is made of: the moments of one example in the order they came, as call-recorder.ts writes them
 * down and call-script.ts tells them.
 */
import type { Literal } from "./literal-tree.ts";

/** Whose method was called: a place, a handle, or a subscription that is left. */
export type CallTarget =
  | { readonly kind: "place" | "handle"; readonly index: number }
  | { readonly kind: "subscription"; readonly call: number };

/** Where in a listener a call was made: while it was told the nth event (1-based). */
export interface ListenerMoment {
  /** The call of `subscribe`. */
  readonly subscription: number;
  readonly nth: number;
}

/** What an error is recognised by. */
export interface ErrorMark {
  readonly code?: string;
  readonly name: string;
  readonly message: string;
}

/** How a call went. `answered` with what, as far as it is told. */
export type CallOutcome =
  | { readonly kind: "pending" }
  | { readonly kind: "answered"; readonly answer: Literal; readonly handle?: number }
  | { readonly kind: "refused"; readonly error: ErrorMark };

/** One call. */
export interface RecordedCall {
  /** 0-based, in the order they began. */
  readonly number: number;
  readonly target: CallTarget;
  readonly method: string;
  readonly args: readonly Literal[];
  /** Set where a listener made the call. */
  readonly within?: ListenerMoment;
  outcome: CallOutcome;
  /** It gave its answer at once, not a promise of it. */
  isSync: boolean;
}

/** A clock that a handle was opened with. */
export interface RecordedClock {
  readonly index: number;
  /** `manual` clocks move their timers too. */
  readonly kind: "manual" | "settable";
  readonly startMs: number;
}

/** One moment of a recording. */
export type RecordedMoment =
  | { readonly kind: "place" }
  | { readonly kind: "clock"; readonly clock: RecordedClock }
  | { readonly kind: "moved"; readonly clock: RecordedClock; readonly wallMs: number; readonly monotonicMs: number }
  | { readonly kind: "begin"; readonly call: RecordedCall }
  | { readonly kind: "end"; readonly call: RecordedCall }
  | { readonly kind: "thrown"; readonly at: ListenerMoment; readonly message: string };

/** What a handle is called in the script: `store`, `store2`. */
export function handleName(index: number): string {
  return numbered("store", index);
}

/** `clock`, `clock2`. */
export function clockName({ index }: RecordedClock): string {
  return numbered("clock", index);
}

/** `place`, `place2`. */
export function placeName(index: number): string {
  return numbered("place", index);
}

function numbered(word: string, index: number): string {
  return index === 0 ? word : `${word}${index + 1}`;
}
