/**
 * Which records a page of history holds: the caller's wish, checked and clamped the same by every
 * adapter.
 */
import { LIMITS, rejection } from "../base/index.ts";
import type { LoadHistoryParams } from "./thread-store.ts";

/** First ordinal wanted, and how many records at most (1..LIMITS.historyPageRecordsMax). */
export interface HistoryRange {
  readonly from: number;
  readonly limit: number;
}

/** The range for a wish. `invalid_argument` unless both are whole numbers of 0 or more. */
export function historyRange(params: Pick<LoadHistoryParams, "from" | "limit">): HistoryRange {
  const { from = 0, limit = LIMITS.historyPageRecordsMax } = params;
  if (!Number.isSafeInteger(from) || from < 0) {
    throw rejection("invalid_argument", "from must be a whole number of 0 or more");
  }
  if (!Number.isSafeInteger(limit) || limit < 0) {
    throw rejection("invalid_argument", "limit must be a whole number of 0 or more");
  }
  return { from, limit: Math.min(Math.max(limit, 1), LIMITS.historyPageRecordsMax) };
}
