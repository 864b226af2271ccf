/**
 * fast-check's scheduler, made from a drawn number: the order in which it lets tasks through follows from that number
 * and from what waits, and from nothing else.
 *
 * `fc.scheduler()` draws as it goes, and all clones of an example that stand beside one another draw from one
 * generator. While an example is made small each try goes on where the one before stopped, so that what was found
 * isn't what its seed and path lead to. Here every clone begins anew.
 */
import fc from "fast-check";

/** Draws schedulers. They aren't made smaller; what is scheduled is drawn beside them and can be. */
export function arbScheduler(): fc.Arbitrary<fc.Scheduler> {
  // Small numbers and the ends of the range are no likelier to show anything: unbiased, all orders have their turn.
  return fc.noBias(fc.noShrink(fc.integer())).map(schedulerOf);
}

/** The same number, the same choices among the same tasks. */
function schedulerOf(seed: number): fc.Scheduler {
  // Said in full: what is configured for all checks must not reach in here.
  const [scheduler] = fc.sample(fc.scheduler(), { seed, numRuns: 1, path: "", examples: [] });
  if (scheduler === undefined) throw new TypeError("fast-check made no scheduler");
  return Object.assign(scheduler, { [fc.cloneMethod]: () => schedulerOf(seed) });
}
