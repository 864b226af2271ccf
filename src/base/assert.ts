/**
 * Assertions for bugs: what can only be false when Skein itself is wrong. Never for bad input or a
 * failing world; those are SkeinErrors. An assertion that fails stops the actor or process it is in.
 */

/** A bug in Skein. Not meant to be caught. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws an AssertionError with `message` unless the condition holds. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(`bug in skein: ${message}`);
}
