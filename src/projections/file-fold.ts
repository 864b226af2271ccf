/**
 * Folds a rollout's file as far as its rows are behind it. What the rows say of the file (its inode, its
 * size, the bytes in front of where they end) is checked before it is believed; where it does not fit, the
 * file is folded again from its start. Reads only; writing the rows is rollout-sync.ts.
 */
import { hash } from "node:crypto";
import { relative, sep } from "node:path";

import { createLogScanner } from "../events/index.ts";
import {
  type FileSystem,
  type HomePaths,
  readBlocks,
  readExactly,
  readHead,
  type ReadableRollout,
  type RolloutAccess,
  type RolloutEntry,
} from "../store/local/index.ts";
import { type FoldBase, ROLLOUT_NEEDS, RolloutFold } from "./rollout-fold.ts";
import type { RowChanges } from "./rollout-rows.ts";
import type { FileHints, RolloutPlaceRow, RolloutRow } from "./rollout-store.ts";

/** What folding needs of a home. */
export interface FileFoldContext {
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly access: RolloutAccess;
}

/** What is known of a rollout before its file is looked at. */
export interface KnownRollout {
  readonly row: RolloutRow;
  readonly base: FoldBase;
}

/** A file as it was folded. */
export interface FoldedFile {
  readonly place: RolloutPlaceRow;
  readonly hints: FileHints;
  /** Null when the file holds no thread: it has no session_meta among its first records. */
  readonly changes: RowChanges | null;
  /** The rows of before are replaced, not added to. */
  readonly isWhole: boolean;
  /** Bytes that were read. */
  readonly bytes: number;
}

/** Bytes whose digest says that a file still ends its known part as it did. */
const TAIL_BYTES = 1024;
const NEWLINE = 0x0a;
/** A stretch this short is parsed line by line: nothing in it has to be believed by its head. */
const STRICT_BYTES_MAX = 1024 * 1024;

/** Folds the file; undefined when it is gone. `rollout_unreadable`, `permission_denied`, disk faults; the signal's reason. */
export async function foldFile(
  context: FileFoldContext,
  entry: RolloutEntry,
  options: { readonly known?: KnownRollout | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<FoldedFile | undefined> {
  const { known, signal } = options;
  return context.access.open(entry.path, async (rollout) => {
    const goesOn = known !== undefined && (await stillFits(context.files, rollout, known.row));
    if (!goesOn && (await readHead(context.files, rollout)) === undefined) {
      return {
        ...(await described(context, { rollout, entry, endOffset: 0 })),
        changes: null,
        isWhole: true,
        bytes: 0,
      };
    }
    const base = goesOn ? known.base : null;
    const read = async (fold: RolloutFold, isStrict: boolean): Promise<number> =>
      foldBytes(context.files, { rollout, fold, isStrict, signal });
    const length = rollout.end - (base?.state.mark.offset ?? 0);
    let fold = new RolloutFold(base);
    let bytes = await read(fold, length <= STRICT_BYTES_MAX);
    let isWhole = base === null;
    if (fold.needsWholeFold) {
      fold = new RolloutFold(null, { keepsItems: true });
      bytes += await read(fold, true);
      isWhole = true;
    }
    const changes = fold.take();
    const { endOffset } = changes.state;
    return { ...(await described(context, { rollout, entry, endOffset })), changes, isWhole, bytes };
  });
}

/** A file's path as rows have it: relative to the home, with slashes. */
export function pathInHome(paths: HomePaths, path: string): string {
  return relative(paths.home, path).split(sep).join("/");
}

/** Digest of the bytes in front of a place: how many, and which. */
export function tailCheckOf(bytesBefore: Uint8Array): string {
  const tail = bytesBefore.subarray(Math.max(0, bytesBefore.byteLength - TAIL_BYTES));
  return `${tail.byteLength}:${hash("sha1", tail, "base64")}`;
}

/** Whether the part of a file that rows know is still there, by what they say of it. */
async function stillFits(files: FileSystem, rollout: ReadableRollout, row: RolloutRow): Promise<boolean> {
  const { endOffset, mark } = row.state;
  if (row.threadId === null || row.inode !== rollout.stat.inode) return false;
  if (endOffset > rollout.end || mark.offset > endOffset) return false;
  const size = Number.parseInt(row.tailCheck, 10);
  if (!Number.isSafeInteger(size) || size > endOffset) return false;
  const bytes = await readExactly(files, { fd: rollout.fd, from: endOffset - size, size });
  return tailCheckOf(bytes) === row.tailCheck && (await endsLine(files, rollout, { endOffset, last: bytes.at(-1) }));
}

/** Whether what follows a place begins a line: a last record without its newline may have been written on to. */
async function endsLine(
  files: FileSystem,
  rollout: ReadableRollout,
  place: { readonly endOffset: number; readonly last: number | undefined },
): Promise<boolean> {
  const { endOffset, last } = place;
  if (endOffset === 0 || last === NEWLINE || endOffset === rollout.end) return true;
  const [next] = await readExactly(files, { fd: rollout.fd, from: endOffset, size: 1 });
  return next === NEWLINE;
}

interface Reading {
  readonly rollout: ReadableRollout;
  readonly fold: RolloutFold;
  readonly isStrict: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Feeds a fold from where it stands to the file's end; answers the bytes read. */
async function foldBytes(files: FileSystem, { rollout, fold, isStrict, signal }: Reading): Promise<number> {
  const from = fold.endOffset;
  const scanner = createLogScanner({
    ...(isStrict ? {} : { needs: ROLLOUT_NEEDS }),
    startOrdinal: fold.nextOrdinal,
    startOffset: from,
    sink: {
      record: (record, span) => fold.record(record, span),
      skipped: (run) => fold.skipped(run),
    },
  });
  await readBlocks(files, { ...rollout, from }, (block) => {
    signal?.throwIfAborted();
    scanner.push(block);
  });
  // A last record without its newline ends where the file does.
  fold.endAt(Math.min(scanner.end().endOffset, rollout.end));
  return rollout.end - from;
}

async function described(
  { files, paths }: FileFoldContext,
  file: { readonly rollout: ReadableRollout; readonly entry: RolloutEntry; readonly endOffset: number },
): Promise<{ readonly place: RolloutPlaceRow; readonly hints: FileHints }> {
  const { rollout, entry, endOffset } = file;
  const { inode, size, modifiedNs } = rollout.stat;
  const length = Math.min(TAIL_BYTES, endOffset);
  const tail = await readExactly(files, { fd: rollout.fd, from: endOffset - length, size: length });
  return {
    place: { path: pathInHome(paths, entry.path), archived: entry.archived },
    hints: { inode, size, modifiedNs: String(modifiedNs), tailCheck: tailCheckOf(tail) },
  };
}
