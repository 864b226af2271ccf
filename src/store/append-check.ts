/**
 * What an append must be before any adapter looks at it: 1 to LIMITS.appendItemsMax items that can be
 * written and read back, a whole expected ordinal, a key of bounded length.
 * (bad-input.items, append.bounds)
 */
import { LIMITS, rejection } from "../base/index.ts";
import { type AppendableItem, validateAppendable } from "../events/index.ts";
import { checkCall, checkWriter } from "./call-check.ts";
import type { AppendItemsParams } from "./thread-store.ts";

/** Longest idempotency key, characters. */
const KEY_CHARS_MAX = 512;

/** The items as they will be read back; throws `invalid_argument` unless the parameters can be appended. */
export function checkAppend(params: AppendItemsParams): readonly AppendableItem[] {
  checkCall("appendItems", params);
  checkWriter(params.writer);
  const { items, expectedOrdinal, idempotencyKey } = params;
  if (!Array.isArray(items)) throw rejection("invalid_argument", "items must be a list of items");
  if (items.length === 0) throw rejection("invalid_argument", "items must not be empty");
  if (items.length > LIMITS.appendItemsMax) {
    throw rejection("invalid_argument", `an append holds ${LIMITS.appendItemsMax} items at most`, {
      itemsMax: LIMITS.appendItemsMax,
      items: items.length,
    });
  }
  if (expectedOrdinal !== undefined && !(Number.isSafeInteger(expectedOrdinal) && expectedOrdinal >= 0)) {
    throw rejection("invalid_argument", "expectedOrdinal must be a whole number of 0 or more");
  }
  if (idempotencyKey !== undefined) checkKey(idempotencyKey);
  return validateAppendable(items);
}

function checkKey(key: unknown): void {
  if (typeof key === "string" && key !== "" && key.length <= KEY_CHARS_MAX && key.isWellFormed()) return;
  throw rejection("invalid_argument", `an idempotency key is text of 1 to ${KEY_CHARS_MAX} characters`);
}
