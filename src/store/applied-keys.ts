/**
 * Which idempotency keys a thread's log has already taken, and what their appends were answered. Keeps
 * LIMITS.idempotencyKeysMax of them; the oldest is forgotten first.
 * (append.idempotent-bounds, append.idempotent-other-items)
 */
import { LIMITS } from "../base/index.ts";

/** The records of an append that was applied. */
export interface AppliedAppend {
  readonly firstOrdinal: number;
  readonly nextOrdinal: number;
}

/** The memory of one thread's keys. */
export interface AppliedKeys {
  get(key: string): AppliedAppend | undefined;
  /** Remembers a key as the newest. */
  set(key: string, applied: AppliedAppend): void;
}

/** Makes an empty memory that holds `keysMax` keys. */
export function createAppliedKeys(keysMax: number = LIMITS.idempotencyKeysMax): AppliedKeys {
  const applied = new Map<string, AppliedAppend>();
  return {
    get: (key) => applied.get(key),
    set(key, append) {
      applied.delete(key);
      applied.set(key, append);
      if (applied.size <= keysMax) return;
      const oldest = applied.keys().next();
      if (oldest.done !== true) applied.delete(oldest.value);
    },
  };
}
