/**
 * The head of a rollout: its own session_meta, which says whose log it is. It is the first one among
 * the first few records; a file without one is no rollout.
 */
import { createLogScanner, type RolloutRecord, type SessionMeta } from "../../events/index.ts";
import { readBlocks } from "./block-reader.ts";
import { readExactly } from "./backward-lines.ts";
import type { FileSystem } from "./file-system.ts";
import type { ReadableRollout } from "./rollout-access.ts";

/** A rollout's own session_meta. */
export interface RolloutHead {
  readonly record: RolloutRecord;
  readonly meta: SessionMeta;
  /** Offset behind its line. */
  readonly endOffset: number;
}

/** Records that may stand in front of the session_meta (Codex looks at 10). */
const HEAD_RECORDS_MAX = 10;
/** Codex's own session_meta, with its instructions, is 15–25 KB. */
const HEAD_BLOCK_BYTES = 32 * 1024;

/** Reads the head of an open rollout; undefined when there is none. */
export async function readHead(files: FileSystem, rollout: ReadableRollout): Promise<RolloutHead | undefined> {
  let head: RolloutHead | undefined;
  const scanner = createLogScanner({
    needs: [{ types: new Set(["session_meta"]), eventKinds: new Set() }],
    sink: {
      record: (record, span) => {
        if (head !== undefined || record.item.type !== "session_meta") return;
        if (record.ordinal >= HEAD_RECORDS_MAX) return;
        head = { record, meta: record.item.payload, endOffset: span.end };
      },
    },
  });
  await readBlocks(files, { ...rollout, from: 0, blockBytes: HEAD_BLOCK_BYTES }, (block) => {
    scanner.push(block);
    return head === undefined && scanner.end().nextOrdinal < HEAD_RECORDS_MAX;
  });
  return head;
}

const COPIED_MARK = /"skein":\{"copied":(\d{1,15})\}(?:,"crc":"[\da-f]{8}")?\}\s*$/;
const MARK_BYTES_MAX = 80;

/** Records behind the session_meta that a fork copied; 0 for a thread that is no fork, or not one of ours. */
export async function readCopiedRecords(files: FileSystem, fd: number, head: RolloutHead): Promise<number> {
  if (head.record.ordinal !== 0) return 0;
  const size = Math.min(MARK_BYTES_MAX, head.endOffset);
  const bytes = await readExactly(files, { fd, from: head.endOffset - size, size });
  return Number(COPIED_MARK.exec(bytes.toString("latin1"))?.[1] ?? 0);
}
