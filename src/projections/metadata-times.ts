/**
 * What changes with each record of a log and what does not: a thread's metadata, which may be large, are written
 * again only where more than their times is new.
 */
import type { ThreadMetadata } from "../events/index.ts";

const TIMES: ReadonlySet<string> = new Set(["updatedAtMs", "recencyAtMs"]);

/** Whether two states of a thread's metadata differ in their times at most. */
export function isSameButTimes(a: ThreadMetadata, b: ThreadMetadata): boolean {
  const before = new Map<string, unknown>(Object.entries(a));
  return Object.entries(b).every(([name, value]) => TIMES.has(name) || before.get(name) === value);
}
