/**
 * An append as text: its lines joined, each marked with how many follow, the last with the append's
 * key, and each sealed with its checksum. Encoded once, when the append arrives; the commit only joins.
 */
import type { AppendableItem, RecordMarks, RolloutRecord } from "../events/index.ts";
import { encodeSealedLine } from "./line-seal.ts";

/** Items of one append and what is written on their lines. */
export interface Batch {
  readonly items: readonly AppendableItem[];
  readonly timestamp: string;
  readonly key: string | undefined;
}

/** The batch's lines, each with its newline. */
export function encodeBatch(batch: Batch): string {
  const { items, timestamp } = batch;
  const [only] = items;
  if (items.length === 1 && only !== undefined) return encodeSealedLine(only, timestamp, marksAt(batch, 0));
  return items.map((item, index) => encodeSealedLine(item, timestamp, marksAt(batch, index))).join("");
}

/** The batch as a reader will see it. */
export function recordsOf(batch: Batch, firstOrdinal: number): readonly RolloutRecord[] {
  return batch.items.map((item, index) => {
    const marks = marksAt(batch, index);
    const record = { ordinal: firstOrdinal + index, timestamp: batch.timestamp, item };
    return marks === undefined ? record : { ...record, marks };
  });
}

function marksAt({ items, key }: Batch, index: number): RecordMarks | undefined {
  const more = items.length - 1 - index;
  if (more > 0) return { more };
  return key === undefined ? undefined : { key };
}
