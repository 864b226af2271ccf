/**
 * What the pages of turns and items by rows (store/indexed-turns.ts) read of a rollout file: a turn's own bytes, by
 * their place where the rows know it, and nothing else.
 */
import { createLogScanner, decodeLine, type RolloutRecord, turnsFold } from "../../events/index.ts";
import type { IndexedLog } from "../indexed-turns.ts";
import type { IndexedTurn, IndexedTurns } from "../thread-index.ts";
import { readExactly } from "./backward-lines.ts";
import { readBlocks } from "./block-reader.ts";
import type { FileSystem } from "./file-system.ts";
import { findRecord } from "./log-places.ts";
import type { ReadableRollout } from "./rollout-access.ts";

/** An open rollout and the rows of its turns. */
export interface IndexedRollout {
  readonly files: FileSystem;
  readonly rollout: ReadableRollout;
  readonly turns: IndexedTurns;
}

/** The rollout as pages by rows read it. */
export function indexedLogOf(source: IndexedRollout): IndexedLog {
  const { files, rollout, turns } = source;
  return {
    turns,
    readTurn: (turn) => readTurnRecords(source, turn),
    async readRecord([ordinal, start, end]) {
      const size = Math.min(end, rollout.stat.size) - start;
      const bytes = await readExactly(files, { fd: rollout.fd, from: start, size });
      return decodeLine(bytes.toString("utf8"), ordinal);
    },
  };
}

/** The records that the turns fold needs of [startOrdinal, endOrdinal). */
async function readTurnRecords(
  { files, rollout }: IndexedRollout,
  { startOrdinal, endOrdinal, startOffset, endOffset }: IndexedTurn,
): Promise<readonly RolloutRecord[]> {
  const from = startOffset ?? (await findRecord(files, rollout, startOrdinal))?.offset ?? 0;
  const records: RolloutRecord[] = [];
  const scanner = createLogScanner({
    needs: [turnsFold.needs],
    startOrdinal,
    startOffset: from,
    sink: { record: (record) => void (record.ordinal < endOrdinal && records.push(record)) },
  });
  const readTo = async (range: { readonly from: number; readonly end: number }): Promise<void> => {
    await readBlocks(files, { ...rollout, ...range }, (block) => {
      scanner.push(block);
      return scanner.end().nextOrdinal < endOrdinal;
    });
  };
  // Its own bytes are enough, unless its last line is in the middle of an append.
  const own = Math.min(endOffset ?? rollout.end, rollout.end);
  await readTo({ from, end: own });
  if (own < rollout.end && scanner.end().nextOrdinal < endOrdinal) await readTo({ from: own, end: rollout.end });
  return records;
}
