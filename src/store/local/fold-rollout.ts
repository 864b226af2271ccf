/**
 * Folds over an open rollout, a block at a time; lines that no fold needs are passed over by their
 * first bytes. Where passing over may have cost exactness, the log is folded again, every line parsed.
 */
import {
  createFoldScanner,
  type FoldScannerOptions,
  type FoldSet,
  type FoldStates,
  needsStrictReplay,
  threadMetadataFold,
  type ThreadMetadata,
  type Turn,
  turnsFold,
  turnsOf,
} from "../../events/index.ts";
import { readBlocks } from "./block-reader.ts";
import type { FileSystem } from "./file-system.ts";
import type { ReadableRollout } from "./rollout-access.ts";

/** The metadata fold's state after all records. */
export async function readMetadata(files: FileSystem, rollout: ReadableRollout): Promise<ThreadMetadata> {
  const folds = { metadata: threadMetadataFold };
  const { metadata } = await foldRollout(files, rollout, { folds });
  return metadata;
}

/** All turns as stored, oldest first; one that is still open is shown as interrupted. */
export async function readTurns(files: FileSystem, rollout: ReadableRollout): Promise<readonly Turn[]> {
  const folds = { turns: turnsFold };
  let { turns } = await foldRollout(files, rollout, { folds });
  if (needsStrictReplay(turns)) ({ turns } = await foldRollout(files, rollout, { folds, isStrict: true }));
  return turnsOf(turns, { live: false });
}

async function foldRollout<Folds extends FoldSet>(
  files: FileSystem,
  rollout: ReadableRollout,
  options: FoldScannerOptions<Folds>,
): Promise<FoldStates<Folds>> {
  const scanner = createFoldScanner(options);
  await readBlocks(files, { ...rollout, from: 0 }, (block) => scanner.push(block));
  return scanner.end().states;
}
