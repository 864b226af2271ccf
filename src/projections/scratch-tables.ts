/**
 * Rows of single threads folded anew, in tables of their own that nobody else sees: the measure that a state
 * DB's rows are held to. Every line of a log is parsed and no item is given up, so nothing here rests on what
 * a fold passes over or on where it went on.
 */

import { createLogScanner } from "../events/index.ts";
import {
  type FileSystem,
  type HomePaths,
  readBlocks,
  type ReadableRollout,
  readExactly,
  readHead,
  type RolloutEntry,
} from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import { RolloutFold } from "./rollout-fold.ts";
import type { FileHints } from "./rollout-store.ts";
import { openDriver, type SqliteDatabase } from "./sqlite-connection.ts";
import { createTableSet, TABLE_SETS_DDL } from "./table-set.ts";
import { type Tables, tablesOf } from "./tables.ts";
import { withTextIndex } from "./text-index.ts";

/** A log that is folded up to a place. */
export interface ScratchFold {
  readonly rollout: ReadableRollout;
  readonly entry: RolloutEntry;
  /** Bytes [0, end) are folded. */
  readonly end: number;
  /** How the rows saw the file: only where a log says no times, or a thread has two files, do they count. */
  readonly hints: Pick<FileHints, "inode" | "size" | "modifiedNs">;
}

/** The tables, and what writes them. */
export class ScratchTables {
  readonly tables: Tables;
  readonly #db: SqliteDatabase;
  readonly #files: FileSystem;
  readonly #paths: HomePaths;

  constructor(files: FileSystem, paths: HomePaths) {
    // Without a name it lies in memory, and what is too much for that in a file that only SQLite knows.
    this.#db = openDriver("");
    this.#db.exec(TABLE_SETS_DDL);
    this.tables = tablesOf(this.#db, createTableSet(this.#db, { state: "current", madeAtMs: 0 }), paths);
    this.#files = files;
    this.#paths = paths;
  }

  /** Folds a log from its first byte and writes its rows; answers the thread's id and how many records it has. */
  async fold({ rollout, entry, end, hints }: ScratchFold): Promise<{ threadId: string | null; records: number }> {
    const { sql, rollouts, threads } = this.tables;
    const place = { path: pathInHome(this.#paths, entry.path), archived: entry.archived };
    const known = { ...hints, tailCheck: "" };
    const range = { ...rollout, from: 0, end, lacksNewline: await this.#lacksNewline(rollout, end) };
    if ((await readHead(this.#files, range)) === undefined) {
      withTextIndex(sql, (index) => rollouts.writeNoThread({ place, hints: known }, index));
      return { threadId: null, records: 0 };
    }
    const fold = new RolloutFold(null, { keepsItems: true });
    const scanner = createLogScanner({
      sink: { record: (record, span) => fold.record(record, span), skipped: (run) => fold.skipped(run) },
    });
    await readBlocks(this.#files, range, (block) => {
      scanner.push(block);
    });
    fold.endAt(Math.min(scanner.end().endOffset, end));
    const changes = fold.take();
    const write = (): string | null => {
      withTextIndex(sql, (index) => rollouts.write({ place, hints: known, changes, isWhole: true }, index));
      const threadId = rollouts.byPath(place.path)?.threadId ?? null;
      if (threadId !== null) threads.refresh(threadId);
      return threadId;
    };
    return { threadId: this.#db.transaction(write)(), records: changes.state.nextOrdinal };
  }

  /** Notes what the name index says of a thread. */
  name(threadId: string, name: string | null | undefined): void {
    if (name === undefined) return;
    this.tables.threads.setNames(new Map([[threadId, name]]));
    this.tables.threads.refresh(threadId);
  }

  /** Forgets everything. */
  clear(): void {
    const { rollouts, threads, sql } = this.tables;
    const work = (): void => {
      withTextIndex(sql, (index) => {
        for (const { id } of rollouts.files()) rollouts.remove(id, index);
      });
      threads.keepNames(new Map());
      sql.run("DELETE FROM threads_#");
    };
    this.#db.transaction(work)();
  }

  close(): void {
    this.#db.close();
  }

  async #lacksNewline({ fd }: ReadableRollout, end: number): Promise<boolean> {
    if (end === 0) return false;
    const [last] = await readExactly(this.#files, { fd, from: end - 1, size: 1 });
    return last !== 0x0a;
  }
}
