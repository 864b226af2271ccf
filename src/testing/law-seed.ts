/**
 * The seed of a run that names none: fast-check's global one where it is configured, so that all of a test run
 * follows from one number; else drawn anew.
 */
import fc from "fast-check";

import { systemRandom } from "../base/index.ts";

/** A 32-bit integer. */
export function chooseSeed(): number {
  const { seed } = fc.readConfigureGlobal();
  // As fast-check takes it: a global seed may be a time.
  if (seed !== undefined) return Math.trunc(seed) | 0;
  const bytes = systemRandom(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0);
}
