/**
 * What an arbitrary makes, looked at from outside: how often each kind comes in a sample, and what a failure of
 * it shrinks to. Samples are drawn with the run's seed. Not a test.
 */
import fc from "fast-check";

/** How many values of a sample have each of the words. */
export function countWords<Value>(
  arbitrary: fc.Arbitrary<Value>,
  wordsOf: (value: Value) => readonly string[],
  runs: number,
): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const value of fc.sample(arbitrary, runs)) {
    for (const word of new Set(wordsOf(value))) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** The smallest value that fast-check finds for which `isBad`; undefined where none came. */
export function shrunk<Value>(arbitrary: fc.Arbitrary<Value>, isBad: (value: Value) => boolean): Value | undefined {
  const found = fc.check(
    fc.property(arbitrary, (value) => !isBad(value)),
    { numRuns: 1_000 },
  );
  return found.counterexample?.[0];
}
