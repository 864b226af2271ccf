/**
 * What an error becomes that came out of work on the disk: the system's own become faults that say what was
 * tried, a SkeinError passes, and so does a bug. A bug that is told as `io_error` is looked for in the disk.
 */
import { AssertionError, type ErrorData, faultFromSystem } from "../../base/index.ts";

/** Whether an error says that Skein is wrong, not the world. */
export function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof AssertionError;
}

/** What to throw in place of `error`; `attempted` ends the sentence "could not …". */
export function diskFault(error: unknown, attempted: string, data: ErrorData = {}): unknown {
  return isBug(error) ? error : faultFromSystem(error, attempted, data);
}
