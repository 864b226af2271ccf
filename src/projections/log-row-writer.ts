/**
 * Writes what was folded of logs into the rows: many threads in one transaction, with whatever else is to be kept
 * with them. Where the rows of one thread are refused, the others are written without it.
 * It folds nothing; that its writes fit the rows is kept by who holds the threads' locks.
 */
import { isSkeinError } from "../base/index.ts";
import type { LogThread } from "../store/index.ts";
import { tailCheckOf } from "./file-fold.ts";
import type { KnownLogRow, LogFold } from "./log-folds.ts";
import type { LogRowsFile } from "./log-rows-file.ts";
import { isSameButTimes } from "./metadata-times.ts";
import type { RowChanges } from "./rollout-rows.ts";
import type { FoldFailure } from "./rollout-sync.ts";
import { refusalOf } from "./sqlite-fault.ts";
import type { Tables } from "./tables.ts";
import type { TextIndexChanges } from "./text-index.ts";

/** What is to be written of one thread. */
export type LogWrite =
  | {
      readonly type: "rows";
      readonly opened: LogFold;
      /** Null: its log is as the rows say. */
      readonly changes: RowChanges | null;
      /** What was there before goes. */
      readonly isWhole: boolean;
      /** As its store knows it; undefined keeps what the rows say of that. */
      readonly thread: LogThread | undefined;
    }
  | { readonly type: "gone"; readonly threadId: string }
  | { readonly type: "failed"; readonly threadId: string; readonly lineCount: number; readonly failure: FoldFailure };

/** A thread whose rows were refused. */
export interface RefusedWrite {
  readonly threadId: string;
  readonly error: unknown;
}

/** The thread that a write is of. */
export function threadIdOf(write: LogWrite): string {
  return write.type === "rows" ? write.opened.threadId : write.threadId;
}

/** Writes all, and `note` with them. Answers those that were refused; other errors are thrown, and nothing is written then. */
export function writeLogRows(
  file: LogRowsFile,
  writes: readonly LogWrite[],
  context: { readonly atMs: number; readonly note: () => void },
): readonly RefusedWrite[] {
  const { atMs, note } = context;
  try {
    writeTogether(file, writes, { atMs, note });
    return [];
  } catch (error) {
    if (isSkeinError(error) || refusalOf(error) === "database" || writes.length === 0) throw error;
  }
  const refused: RefusedWrite[] = [];
  for (const write of writes) {
    try {
      writeTogether(file, [write], { atMs, note: () => {} });
    } catch (error) {
      if (refusalOf(error) === "database") throw error;
      refused.push({ threadId: threadIdOf(write), error });
    }
  }
  // All of them: then it is not one thread's values, and the cursor stays.
  const [first] = refused;
  if (first !== undefined && refused.length === writes.length && writes.length > 1) throw first.error;
  writeTogether(file, [], { atMs, note });
  return refused;
}

function writeTogether(
  file: LogRowsFile,
  writes: readonly LogWrite[],
  { atMs, note }: { readonly atMs: number; readonly note: () => void },
): void {
  const settled: (() => void)[] = [];
  file.write((tables) => {
    note();
    const counted = file.notes.noting((index) => {
      for (const write of writes) settled.push(writeOne(tables, write, { atMs, index }));
    });
    settled.push(counted);
  });
  for (const settle of settled) settle();
}

/** Answers what to do once the transaction stands. */
function writeOne(
  tables: Tables,
  write: LogWrite,
  { atMs, index }: { readonly atMs: number; readonly index: TextIndexChanges },
): () => void {
  const { rollouts } = tables;
  switch (write.type) {
    case "rows": {
      const row = writeRows(tables, write, index);
      return () => {
        write.opened.row = row;
      };
    }
    case "gone":
      removeRows(tables, write.threadId, index);
      return () => {};
    case "failed": {
      const { code, reason } = write.failure;
      const seen = { inode: "", size: write.lineCount, modifiedNs: "", code, reason, sinceMs: atMs };
      rollouts.quarantine(write.threadId, seen);
      return () => {};
    }
  }
}

function writeRows(
  tables: Tables,
  { opened, changes, isWhole, thread }: Extract<LogWrite, { type: "rows" }>,
  index: TextIndexChanges,
): KnownLogRow | null {
  const { rollouts, threads, sql } = tables;
  const { row, threadId } = opened;
  const archived = thread?.archived ?? row?.archived ?? false;
  const name = thread === undefined ? row?.name : thread.name;
  const log = thread?.log ?? row?.log ?? "";
  const isMoved = row !== null && row.archived !== archived;
  // Rows that are made anew may have had a name.
  const isNamed = row?.name !== name || (isWhole && row === null);
  if (changes === null && !isMoved && !isNamed) return row;
  const state = changes?.state ?? { metadata: row?.metadata, nextOrdinal: row?.nextOrdinal ?? 0, endOffset: 0 };
  if (state.metadata === undefined) return row;
  const place = { path: threadId, archived };
  let id = row?.id;
  let isSame = changes !== null && row !== null && !isMoved && isSameButTimes(row.metadata, state.metadata);
  if (changes !== null) {
    const tailCheck = opened.lastLine === null ? "" : tailCheckOf(opened.lastLine);
    const hints = { inode: log, size: changes.state.endOffset, modifiedNs: "", tailCheck };
    const same = isSame && id !== undefined ? { sameMetadataAs: id } : {};
    id = rollouts.write({ place, hints, changes, isWhole, ...same }, index);
    rollouts.endQuarantine(threadId);
  } else if (isMoved && id !== undefined) {
    sql.run("UPDATE rollouts_# SET archived = ? WHERE id = ?", archived ? 1 : 0, id);
  }
  if (id === undefined) return row;
  if (isNamed) {
    isSame = false;
    if (name === undefined) threads.forgetName(threadId.toLowerCase());
    else threads.setNames(new Map([[threadId.toLowerCase(), name]]));
  }
  if (isSame) threads.touch(threadId.toLowerCase(), id, state.metadata);
  else threads.refresh(threadId.toLowerCase());
  return { id, archived, name, metadata: state.metadata, nextOrdinal: state.nextOrdinal, log };
}

function removeRows({ rollouts, threads }: Tables, threadId: string, index: TextIndexChanges): void {
  const row = rollouts.peek(threadId);
  if (row !== undefined) rollouts.remove(row.id, index);
  threads.forgetName(threadId.toLowerCase());
  threads.refresh(threadId.toLowerCase());
  rollouts.endQuarantine(threadId);
}
