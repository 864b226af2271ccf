/**
 * What lists and searches say of themselves: whether all threads were looked at, and as of when. An answer
 * that had to leave something out is given all the same, but never as if it were whole.
 */

/** What an answer over all threads says of itself. */
export interface AnswerScope {
  /** Every thread of the store was looked at. False where files can't be read, or a state DB has not caught up with them. */
  readonly isComplete: boolean;
  /** Milliseconds since the epoch: what was acknowledged before this moment is in the answer, where it `isComplete`. */
  readonly asOfMs: number;
}
