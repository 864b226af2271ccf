/**
 * How many rows or records a page holds: the caller's wish, one policy for every call. A page of none says
 * nothing and would have no cursor to go on from, so 0 is refused; who asks for more than the most is given
 * the most, as pages go on.
 */
import { LIMITS, rejection, toShownValue } from "../base/index.ts";

/** The page size for a wish; default LIMITS.pageSizeDefault, LIMITS.pageSizeMax at most. `invalid_argument`. */
export function pageLimit(wished: number | undefined): number {
  return wished === undefined ? LIMITS.pageSizeDefault : boundedLimit(wished, LIMITS.pageSizeMax);
}

/** A wished number of entries, `most` at most. `invalid_argument` unless it is a whole number from 1. */
export function boundedLimit(wished: number, most: number): number {
  if (Number.isSafeInteger(wished) && wished >= 1) return Math.min(wished, most);
  throw rejection("invalid_argument", "limit must be a whole number of 1 or more", {
    limit: Number.isFinite(wished) ? wished : toShownValue(wished),
  });
}
