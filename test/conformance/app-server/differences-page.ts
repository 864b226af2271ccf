/**
 * The listed differences as the lines of a table in docs/CODEX.md, so that the page says what the list says: a test
 * compares the two.
 */
import type { ListedDifference } from "./transcript-comparison.ts";

/** One line each, in the order of the list. */
export function differenceRows(listed: readonly ListedDifference[]): readonly string[] {
  return listed.map(({ id, reason }) => `| ${id} | ${reason.replaceAll("|", "\\|")} |`);
}
