/**
 * What an append must be before any adapter looks at it: 1 to LIMITS.appendItemsMax items of the kinds
 * that can be written, whose payload is an object. Hand-written checks, as they stand on the hot path.
 */
import { LIMITS, rejection } from "../base/index.ts";
import type { AppendItemsParams } from "./thread-store.ts";

const APPENDABLE: ReadonlySet<string> = new Set([
  "session_meta",
  "turn_context",
  "response_item",
  "event_msg",
  "compacted",
]);
/** Longest idempotency key, characters. */
const KEY_CHARS_MAX = 512;

/** Throws `invalid_argument` unless the parameters can be appended. */
export function checkAppend(params: AppendItemsParams): void {
  const { items, expectedOrdinal, idempotencyKey } = params;
  if (items.length === 0) throw rejection("invalid_argument", "items must not be empty");
  if (items.length > LIMITS.appendItemsMax) {
    throw rejection("invalid_argument", `an append holds ${LIMITS.appendItemsMax} items at most`, {
      itemsMax: LIMITS.appendItemsMax,
      items: items.length,
    });
  }
  for (const [index, item] of items.entries()) {
    const { type, payload } = item as { type?: unknown; payload?: unknown };
    const isObject = typeof payload === "object" && payload !== null && !Array.isArray(payload);
    if (typeof type === "string" && APPENDABLE.has(type) && isObject) continue;
    throw rejection("invalid_argument", `items[${index}] can't be appended: type ${String(type)}`, {
      index,
    });
  }
  if (expectedOrdinal !== undefined && !(Number.isSafeInteger(expectedOrdinal) && expectedOrdinal >= 0)) {
    throw rejection("invalid_argument", "expectedOrdinal must be a whole number of 0 or more");
  }
  if (idempotencyKey === undefined) return;
  if (idempotencyKey === "" || idempotencyKey.length > KEY_CHARS_MAX) {
    throw rejection("invalid_argument", `an idempotency key has 1 to ${KEY_CHARS_MAX} characters`);
  }
}
