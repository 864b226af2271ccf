/**
 * The folds of a store's logs that are at hand: each stands where its thread's rows do. A fold that is not at hand
 * is begun from its rows, and the lines of the turn that is open are read again. How many are kept is bounded by
 * what was fed to them, for a fold keeps the items of its newest turns.
 *
 * Who steps a fold writes what it changed; who can't, drops it (`drop`), for it is ahead of its rows then.
 */
import { fault } from "../base/index.ts";
import { decodeLineBytes, type ThreadMetadata } from "../events/index.ts";
import type { LogLine, ThreadLogSource } from "../store/index.ts";
import type { LogRowsFile } from "./log-rows-file.ts";
import { RolloutFold } from "./rollout-fold.ts";

/** What the rows say of a thread, without a look at them. */
export interface KnownLogRow {
  readonly id: number;
  readonly archived: boolean;
  readonly name: string | null | undefined;
  readonly metadata: ThreadMetadata;
  readonly nextOrdinal: number;
  /** Names the log that they are of (LogThread.log); "" where it has no name. */
  readonly log: string;
}

/** A fold that stands where the rows do. */
export interface LogFold {
  readonly threadId: string;
  readonly fold: RolloutFold;
  /** Null: the thread has no rows. */
  row: KnownLogRow | null;
  /** Bytes of the lines that were fed to it. */
  fedBytes: number;
  /** The one that was fed last. */
  lastLine: Uint8Array | null;
}

/** A log has fewer lines than its thread or its rows say: it was deleted or cut. */
export class LinesMissing extends Error {
  override readonly name = "LinesMissing";
}

const FOLDS_MAX = 2_000;
const FED_BYTES_MAX = 64 * 1024 * 1024;

/** The folds at hand. */
export class LogFolds {
  readonly #file: LogRowsFile;
  readonly #source: ThreadLogSource;
  /** Least lately used first. */
  readonly #folds = new Map<string, LogFold>();
  #fedBytes = 0;

  constructor(file: LogRowsFile, source: ThreadLogSource) {
    this.#file = file;
    this.#source = source;
  }

  /** The fold of a thread, where its rows are. LinesMissing, the source's faults. */
  async open(threadId: string): Promise<LogFold> {
    const known = this.#folds.get(threadId);
    if (known !== undefined) {
      this.#folds.delete(threadId);
      this.#folds.set(threadId, known);
      return known;
    }
    const found = this.#file.read(({ sql, rollouts }) => {
      const row = rollouts.byPath(threadId);
      if (row === undefined) return undefined;
      const named = sql.get<{ name: string | null }>("SELECT name FROM names_# WHERE thread_id = ?", threadId);
      return { row, base: rollouts.baseOf(row), name: named?.name };
    });
    const opened: LogFold = {
      threadId,
      fold: new RolloutFold(found?.base ?? null),
      row: null,
      fedBytes: 0,
      lastLine: null,
    };
    if (found !== undefined) {
      const { id, archived, state, inode: log } = found.row;
      const { metadata, nextOrdinal } = state;
      opened.row = { id, archived, name: found.name, metadata, nextOrdinal, log };
      await this.read(opened, nextOrdinal);
      opened.fold.take();
    }
    this.#folds.set(threadId, opened);
    this.#fedBytes += opened.fedBytes;
    return opened;
  }

  /** A fold from a log's first line on, for rows that are to be replaced; it is not kept, as it keeps all items. */
  async refold(
    threadId: string,
    { row, end }: { readonly row: KnownLogRow | null; readonly end: number },
  ): Promise<LogFold> {
    this.drop(threadId);
    const again: LogFold = {
      threadId,
      fold: new RolloutFold(null, { keepsItems: true }),
      row,
      fedBytes: 0,
      lastLine: null,
    };
    await this.read(again, end);
    return again;
  }

  /** Reads and steps the lines up to an ordinal; `onPart` after each part of them. */
  async read(opened: LogFold, end: number, onPart: () => void = () => {}): Promise<void> {
    const { threadId, fold } = opened;
    const from = fold.nextOrdinal;
    if (from >= end) return;
    for await (const part of this.#source.lines({ threadId, from, end })) {
      for (const line of part) {
        if (line.ordinal !== fold.nextOrdinal) throw linesMissing(threadId, fold.nextOrdinal);
        this.step(opened, line);
      }
      onPart();
    }
    if (fold.nextOrdinal < end) throw linesMissing(threadId, fold.nextOrdinal);
  }

  /** Steps the next line. `rollout_unreadable` when it can't be folded. */
  step(opened: LogFold, { ordinal, bytes }: LogLine): void {
    const { fold, threadId } = opened;
    const start = fold.endOffset;
    const isKept = this.#folds.get(threadId) === opened;
    opened.fedBytes += bytes.byteLength;
    opened.lastLine = bytes;
    if (isKept) this.#fedBytes += bytes.byteLength;
    try {
      fold.record(decodeLineBytes(bytes, ordinal), { start, end: start + bytes.byteLength });
    } catch (cause) {
      const message = `line ${ordinal} of the thread ${threadId} can't be folded: ${cause instanceof Error ? cause.message : String(cause)}`;
      throw fault("rollout_unreadable", message, { data: { threadId, ordinal }, cause });
    }
  }

  /** Where a thread's rows end by the fold at hand; undefined where none is. */
  rowsEndOf(threadId: string): number | undefined {
    return this.#folds.get(threadId)?.row?.nextOrdinal;
  }

  drop(threadId: string): void {
    const known = this.#folds.get(threadId);
    if (known !== undefined) this.#fedBytes -= known.fedBytes;
    this.#folds.delete(threadId);
  }

  /** Lets go of what is too much: of the folds least lately used, and of those that were fed most. */
  trim(): void {
    for (const threadId of this.#folds.keys()) {
      if (this.#folds.size <= FOLDS_MAX) break;
      this.drop(threadId);
    }
    if (this.#fedBytes <= FED_BYTES_MAX) return;
    for (const { threadId } of [...this.#folds.values()].toSorted((a, b) => b.fedBytes - a.fedBytes)) {
      if (this.#fedBytes <= FED_BYTES_MAX / 2) break;
      this.drop(threadId);
    }
  }
}

function linesMissing(threadId: string, ordinal: number): LinesMissing {
  return new LinesMissing(`the log of the thread ${threadId} ends before its line ${ordinal}`);
}
