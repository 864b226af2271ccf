/**
 * Which records a page of history holds: the caller's wish, checked and clamped the same by every
 * adapter. The hint is passed on unchecked: only who wrote it can tell whether it still fits.
 */
import { LIMITS, rejection } from "../base/index.ts";
import { boundedLimit } from "./page-limit.ts";
import type { LoadHistoryParams } from "./thread-store.ts";

/** What of a history is wanted. */
export interface HistoryRange {
  readonly from: number;
  /** 1 to LIMITS.historyPageRecordsMax. */
  readonly limit: number;
  readonly hint: string | undefined;
}

/** The range for a wish. `invalid_argument` unless `from` is an ordinal and `limit` a whole number from 1. */
export function historyRange({ from = 0, limit, hint }: Omit<LoadHistoryParams, "threadId">): HistoryRange {
  if (!Number.isSafeInteger(from) || from < 0) {
    throw rejection("invalid_argument", "from must be an ordinal: a whole number of 0 or more");
  }
  const most = LIMITS.historyPageRecordsMax;
  return { from, limit: limit === undefined ? most : boundedLimit(limit, most), hint };
}
