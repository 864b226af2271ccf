/**
 * How long to wait before the next attempt: twice as long as before, up to a bound, and somewhere between half of it
 * and all of it, so that clients which lost one server don't come back all at once.
 */
import type { FillRandom } from "../base/index.ts";

/** Delays of a series of attempts. */
export interface BackOffBounds {
  /** Before the first attempt, at most; milliseconds. */
  readonly delayMs: number;
  /** Before any attempt, at most. */
  readonly delayMaxMs: number;
}

const RANDOM_STEPS = 256;

/** Milliseconds to wait before attempt `attempt`, which counts from 0. */
export function backOffMs(attempt: number, { delayMs, delayMaxMs }: BackOffBounds, fillRandom: FillRandom): number {
  const longest = Math.min(delayMaxMs, delayMs * 2 ** attempt);
  const part = (fillRandom(1)[0] ?? 0) / RANDOM_STEPS;
  return Math.round((longest * (1 + part)) / 2);
}
