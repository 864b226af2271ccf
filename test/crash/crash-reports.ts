/**
 * What the child that is killed says on standard output, one JSON object a line, and the texts of the
 * records it appends: each names its batch, its place in it and the batch's size, so that a log alone
 * shows what is missing or half there.
 */
import type { AppendableItem, RolloutRecord } from "../../src/events/index.ts";

/** Said before something is asked of the store. */
export type Intent =
  | { readonly what: "append"; readonly threadId: string; readonly batch: string; readonly count: number }
  | { readonly what: "name"; readonly threadId: string; readonly name: string | null }
  | { readonly what: "branch"; readonly threadId: string; readonly branch: string | null }
  | { readonly what: "archive" | "unarchive" | "delete"; readonly threadId: string }
  | { readonly what: "fork"; readonly threadId: string; readonly sourceId: string; readonly endOrdinal: number };

/** One line of the child. `done` names the intent that the store acknowledged. */
export type Report =
  /** Part of an append is written: killed now, the child dies in the middle of it, or soon behind. */
  | { readonly say: "writing" }
  | { readonly say: "begin"; readonly id: number; readonly intent: Intent }
  | { readonly say: "done"; readonly id: number; readonly firstOrdinal?: number }
  | { readonly say: "failed"; readonly id: number; readonly error: string };

/** The items of a batch. Padding makes some large enough to be killed in the middle of. */
export function batchItems(batch: string, count: number, paddingChars: number): AppendableItem[] {
  return Array.from({ length: count }, (_, index) => ({
    type: "event_msg",
    payload: { type: "agent_message", message: `${batch} ${index} ${count} ${"ä".repeat(paddingChars)}` },
  }));
}

/** Which record of which batch this is; undefined for what no batch wrote. */
export function placeOf(record: RolloutRecord): { batch: string; index: number; count: number } | undefined {
  const { item } = record;
  if (item.type !== "event_msg" || typeof item.payload["message"] !== "string") return undefined;
  const [batch, index, count] = item.payload["message"].split(" ", 3);
  if (batch === undefined || !batch.startsWith("batch-")) return undefined;
  return { batch, index: Number(index), count: Number(count) };
}

/** A seeded source of numbers in [0, 1): mulberry32. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
