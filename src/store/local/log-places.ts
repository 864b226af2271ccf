/**
 * Ordinals and offsets of an open rollout: how many records it holds, and where one begins. Lines are
 * counted, not parsed.
 */
import { createLogScanner } from "../../events/index.ts";
import { readBlocks } from "./block-reader.ts";
import type { FileSystem } from "./file-system.ts";
import { createOffsetIndex, type LogPlace, type OffsetIndex } from "./offset-index.ts";
import type { ReadableRollout } from "./rollout-access.ts";

/** Records of a log, and where some of them begin. */
export interface CountedLog {
  readonly nextOrdinal: number;
  readonly index: OffsetIndex;
}

/** Counts all records of [0, end). */
export async function countRecords(files: FileSystem, rollout: ReadableRollout): Promise<CountedLog> {
  const index = createOffsetIndex();
  const scanner = createLogScanner({
    sink: { record: () => undefined },
    fromOrdinal: Number.MAX_SAFE_INTEGER,
  });
  await readBlocks(files, { ...rollout, from: 0 }, (block) => {
    scanner.push(block);
    const { nextOrdinal, endOffset } = scanner.end();
    index.note(nextOrdinal, endOffset);
  });
  return { nextOrdinal: scanner.end().nextOrdinal, index };
}

/** Where the record with this ordinal begins, or where the log ends when that is the next one; undefined past it. */
export async function findRecord(
  files: FileSystem,
  rollout: ReadableRollout,
  ordinal: number,
): Promise<LogPlace | undefined> {
  const start = rollout.index?.floor(ordinal) ?? { ordinal: 0, offset: 0 };
  let found: LogPlace | undefined;
  const scanner = createLogScanner({
    startOrdinal: start.ordinal,
    startOffset: start.offset,
    fromOrdinal: ordinal,
    sink: {
      record: (record, span) => {
        found ??= { ordinal: record.ordinal, offset: span.start };
      },
    },
  });
  await readBlocks(files, { ...rollout, from: start.offset }, (block) => {
    scanner.push(block);
    return found === undefined;
  });
  if (found !== undefined) return found.ordinal === ordinal ? found : undefined;
  return scanner.end().nextOrdinal === ordinal ? { ordinal, offset: rollout.end } : undefined;
}
