/**
 * Brings the rows of files up to the files: fold, then write in one transaction, if the rows are still as
 * they were when the fold began. Any process may do this to any file at any time; who comes second finds the
 * rows changed and looks again. Used by sweeps, backfill and rebuild alike.
 */
import { fault, faultFromSystem, isSkeinError, systemCode } from "../base/index.ts";
import type { RolloutEntry } from "../store/local/index.ts";
import { type FileFoldContext, foldFile, type FoldedFile, pathInHome } from "./file-fold.ts";
import type { RolloutRow } from "./rollout-store.ts";
import { type TextIndexChanges, withTextIndex } from "./text-index.ts";
import type { Tables } from "./tables.ts";

/** What syncing needs. */
export interface SyncContext extends FileFoldContext {
  /** The tables to write to, asked for at each transaction. */
  tables(): Tables;
  /** Reads as of one moment: a set that is current at its beginning is there until its end. */
  read<Value>(work: () => Value): Value;
  /** Runs work in one transaction that may write; retries while the file is busy. */
  write<Value>(work: () => Value): Promise<Value>;
  readonly signal?: AbortSignal | undefined;
}

/** What became of a file. */
export interface SyncedFile {
  readonly bytes: number;
  readonly row: RolloutRow | undefined;
}

/** Folds that lose the race against another writer before it is given up. */
const RACES_MAX = 8;

/** Brings one file's rows up to it. Its faults are those of reading the file. */
export async function syncFile(context: SyncContext, entry: RolloutEntry): Promise<SyncedFile> {
  const path = pathInHome(context.paths, entry.path);
  let bytes = 0;
  for (let race = 0; race < RACES_MAX; race += 1) {
    const known = context.read(() => {
      const { rollouts } = context.tables();
      const row = rollouts.byPath(path);
      return row === undefined ? undefined : { row, base: rollouts.baseOf(row) };
    });
    const row = known?.row;
    const folded = await foldFile(context, entry, { known, signal: context.signal });
    bytes += folded?.bytes ?? 0;
    const written = await context.write(() => {
      const now = context.tables();
      return withTextIndex(now.sql, (index) => writeFolded(now, { path, row, folded }, index));
    });
    if (written !== "raced") return { bytes, row: written };
  }
  throw fault("state_db_busy", `the rows of ${entry.path} kept changing while it was folded`, {
    retryable: true,
    data: { path: entry.path },
  });
}

/** A folded file on its way to the rows. */
export interface FoldWrite {
  readonly path: string;
  /** The row that the fold went on from. */
  readonly row: RolloutRow | undefined;
  readonly folded: FoldedFile | undefined;
}

/** Writes one folded file, unless its rows are other ones by now. Inside a transaction. */
export function writeFolded(
  { rollouts, threads }: Tables,
  { path, row, folded }: FoldWrite,
  index: TextIndexChanges,
): RolloutRow | undefined | "raced" {
  const now = rollouts.byPath(path);
  if (!isSame(now, row)) return "raced";
  if (folded === undefined) {
    if (now !== undefined) rollouts.remove(now.id, index);
  } else {
    const { place, hints, changes, isWhole } = folded;
    const id =
      changes === null
        ? rollouts.writeNoThread({ place, hints }, index)
        : rollouts.write({ place, hints, changes, isWhole }, index);
    rollouts.endQuarantine(path);
    const written = rollouts.byId(id);
    for (const threadId of new Set([now?.threadId, written?.threadId])) if (threadId) threads.refresh(threadId);
    return written;
  }
  if (now?.threadId) threads.refresh(now.threadId);
  return undefined;
}

function isSame(now: RolloutRow | undefined, before: RolloutRow | undefined): boolean {
  if (now === undefined || before === undefined) return now === before;
  return now.id === before.id && now.state.endOffset === before.state.endOffset && now.inode === before.inode;
}

/** A file that can't be folded, as it is put into quarantine. */
export interface FoldFailure {
  readonly code: string;
  readonly reason: string;
}

/** An error number of the system, and not one of Node's own codes (`ERR_…`). */
const ERRNO = /^E[A-Z0-9]+$/;

/**
 * Why a file could not be folded, as plain data: it crosses a worker's border. What neither Skein nor the system
 * names is `fold_failed`: told as the disk's, a bug in a fold would be tried again for ever.
 */
export function failureOf(error: unknown): FoldFailure {
  const { code, message } = isSkeinError(error) ? error : faultFromSystem(error, "fold the file");
  const isNamed = isSkeinError(error) || ERRNO.test(systemCode(error) ?? "");
  return { code: isNamed ? code : "fold_failed", reason: message };
}
