/**
 * How many rows a page holds: the caller's wish, clamped as Codex clamps it (0 gives 1, too many give
 * the most), refused only when it is no whole number.
 */
import { LIMITS, rejection } from "../base/index.ts";

/** The page size for a wish; default LIMITS.pageSizeDefault, clamped to 1..LIMITS.pageSizeMax. */
export function pageLimit(wished: number | undefined): number {
  if (wished === undefined) return LIMITS.pageSizeDefault;
  if (!Number.isSafeInteger(wished) || wished < 0) {
    throw rejection("invalid_argument", "limit must be a whole number of 0 or more", {
      limit: Number.isFinite(wished) ? wished : String(wished),
    });
  }
  return Math.min(Math.max(wished, 1), LIMITS.pageSizeMax);
}
