/**
 * One rollout that a writer of this process appends to: its fold in memory, and what of it is not in the
 * rows yet. Appends are told as they become durable; they wait here until the rows behind them are known to
 * be whole (a fork's are folded meanwhile by others), and until the transaction of their tick.
 */
import { LIMITS } from "../base/index.ts";
import type { ThreadMetadata } from "../events/index.ts";
import type { IndexedAppend, IndexedFile } from "../store/index.ts";
import type { FileStat } from "../store/local/index.ts";
import { tailCheckOf } from "./file-fold.ts";
import { isSameButTimes } from "./metadata-times.ts";
import type { RolloutFold } from "./rollout-fold.ts";
import type { RowChanges } from "./rollout-rows.ts";
import type { FileHints } from "./rollout-store.ts";

/** Changes on their way to the rows. */
export interface UnwrittenRows {
  readonly changes: RowChanges;
  readonly hints: FileHints;
  readonly path: string;
  /** Only the times of its metadata are others than in the rows written before. */
  readonly isSameMetadata: boolean;
}

/** `loading`: its rows are being brought up to the file. `ready`: appends can be folded. `behind`: the rows are left to sweeps. */
export type LiveRolloutState = "loading" | "ready" | "behind";

export class LiveRollout {
  readonly threadId: string;
  /** Absolute; null before the file exists. */
  path: string | null;
  state: LiveRolloutState = "loading";
  /** Resolves when it is no longer loading. */
  loaded: Promise<void> = Promise.resolve();
  /** Where the rows end that this process knows of; null before there are any. */
  rowsEnd: number | null = null;
  isEnded = false;
  /** The file as its writer left it; null before it exists. */
  #file: Pick<IndexedFile, "inode" | "end"> | null;
  #fold: RolloutFold | null = null;
  #waiting: IndexedAppend[] = [];
  #waitingRecords = 0;
  #unwritten: UnwrittenRows[] = [];
  #unwrittenRecords = 0;
  /** As in the rows, or about to be. */
  #metadata: ThreadMetadata | null = null;

  constructor(threadId: string, file: IndexedFile | null) {
    this.threadId = threadId;
    this.path = file?.path ?? null;
    this.#file = file;
  }

  /** Whether a file is, by its stat, as the writer left it: another's records in it would not be in the rows. */
  isLeft({ inode, size }: Pick<FileStat, "inode" | "size">): boolean {
    return this.state !== "behind" && this.#file?.inode === inode && this.#file.end === size;
  }

  /** Begins with a fold that stands where the rows do. */
  ready(fold: RolloutFold, rowsEnd: number | null): void {
    this.#fold = fold;
    this.rowsEnd = rowsEnd;
    this.#metadata = rowsEnd === null ? null : fold.state.metadata;
    this.state = "ready";
  }

  /** Gives up what waits: the rows are brought up by a sweep. */
  fallBehind(): void {
    this.state = "behind";
    this.#fold = null;
    this.#waiting = [];
    this.#waitingRecords = 0;
    this.#unwritten = [];
    this.#unwrittenRecords = 0;
  }

  get hasWork(): boolean {
    return this.#waiting.length > 0 || this.#unwritten.length > 0;
  }

  /** The file is at another path now, and so are the rows of what waits. */
  moved(path: string): void {
    this.path = path;
    this.#waiting = this.#waiting.map((append) => ({ ...append, path }));
    this.#unwritten = this.#unwritten.map((rows) => ({ ...rows, path }));
  }

  /** Takes an append. Too many that wait, folded or not, are not kept: the log has them. */
  take(append: IndexedAppend): void {
    this.path = append.path;
    this.#file = append;
    if (this.state === "behind") return;
    this.#waiting.push(append);
    this.#waitingRecords += append.records.length;
    if (this.#waitingRecords + this.#unwrittenRecords > LIMITS.liveRowsRecordsMax) this.fallBehind();
  }

  /** Folds what waits; false when it doesn't follow what was folded, and the rollout must be loaded again. */
  foldWaiting(): boolean {
    const fold = this.#fold;
    if (this.#waiting.length === 0) return true;
    if (fold === null) return false;
    const appends = this.#waiting;
    this.#unwrittenRecords += this.#waitingRecords;
    this.#waiting = [];
    this.#waitingRecords = 0;
    for (const append of appends) if (!stepAppend(fold, append)) return false;
    if (fold.needsWholeFold) return false;
    const newest = appends.at(-1);
    if (newest === undefined) return true;
    const changes = fold.take();
    const { metadata } = changes.state;
    const isSameMetadata = this.#metadata !== null && isSameButTimes(this.#metadata, metadata);
    this.#metadata = metadata;
    const hints = {
      inode: newest.inode,
      size: changes.state.endOffset,
      modifiedNs: null,
      tailCheck: tailCheckOf(Buffer.from(newest.text)),
    };
    this.#unwritten.push({ changes, hints, path: newest.path, isSameMetadata });
    return true;
  }

  /** What is to be written, oldest first. */
  get unwritten(): readonly UnwrittenRows[] {
    return this.#unwritten;
  }

  /** All of that stands in the rows, or others have written it. */
  written(rowsEnd: number): void {
    this.#unwritten = [];
    this.#unwrittenRecords = 0;
    this.rowsEnd = rowsEnd;
  }
}

/** Steps an append's records, each with its place in the file; false where one is missing in front of them. */
function stepAppend(fold: RolloutFold, { records, text, offset }: IndexedAppend): boolean {
  let start = offset;
  let at = 0;
  for (const record of records) {
    const newline = text.indexOf("\n", at);
    const end = start + Buffer.byteLength(text.slice(at, newline + 1));
    if (record.ordinal > fold.nextOrdinal) return false;
    if (record.ordinal === fold.nextOrdinal) fold.record(record, { start, end });
    start = end;
    at = newline + 1;
  }
  return true;
}
