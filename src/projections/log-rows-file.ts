/**
 * The SQLite file of a node's rows, or one in memory: the state DB's tables, filled from a store's logs instead of
 * a home's files, with the cursor of the feed beside them. What is written to the rows and the cursor behind it go
 * into one transaction, so that both are lost or kept together.
 *
 * 1. The file is one handle's alone.
 * 2. Rows of another place, or of another version of the projection, are dropped when it is opened.
 * 3. Nothing in it is the truth: a file that is gone or damaged is made anew from the logs.
 */
import { type Clock, fault, type Logger } from "../base/index.ts";
import { migrate } from "./migrations.ts";
import { MIGRATIONS } from "./schema.ts";
import { openConnection, type SqliteDatabase } from "./sqlite-connection.ts";
import { sqliteFault } from "./sqlite-fault.ts";
import { openStateDbFile } from "./state-db-file.ts";
import {
  createTableSet,
  currentTableSet,
  dropTableSet,
  listTableSets,
  makeCurrent,
  PROJECTION_VERSION,
} from "./table-set.ts";
import { type Tables, tablesOf } from "./tables.ts";
import { TextNotes, textNotesTable } from "./text-notes.ts";

/** Which file, and whose logs its rows are of. */
export interface LogRowsFileOptions {
  /** `:memory:` for rows that live as long as the handle. */
  readonly path: string;
  readonly place: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Longest wait for another handle to let go of the file, milliseconds. */
  readonly waitMaxMs: number;
}

/** How far the rows are. */
export interface FeedPlace {
  /** Behind it nothing is in the rows that came by the feed; null at the beginning. */
  readonly cursor: string | null;
  /** Milliseconds since the epoch: what was acknowledged before is in the rows. 0: they were never at the end. */
  readonly asOfMs: number;
}

const MEMORY = ":memory:";
/** Raised when the rows of a file as it was before can't be gone on with, though each is folded as before. */
const FILE_VERSION = 2;

/** Opens it. `state_db_busy` where another handle has it; `state_db_unusable` for a home's own state DB; disk faults. */
export async function openLogRowsFile(options: LogRowsFileOptions): Promise<LogRowsFile> {
  const { path, clock, logger, waitMaxMs, place } = options;
  const opened = path === MEMORY ? inMemory() : await openStateDbFile({ ...fileOptions(), isForOne: true });
  try {
    return new LogRowsFile(opened, { place, clock });
  } catch (error) {
    opened.close();
    throw sqliteFault(error, { attempted: "open the rows of a node", path });
  }

  function fileOptions(): Omit<Parameters<typeof openStateDbFile>[0], "isForOne"> {
    return { path, mode: "read-write", migrations: MIGRATIONS, clock, logger, waitMaxMs };
  }
}

interface OpenedFile {
  readonly path: string;
  readonly db: SqliteDatabase;
  close(): void;
}

function inMemory(): OpenedFile {
  const db = openConnection(MEMORY, { mode: "read-write" });
  migrate(db, MIGRATIONS);
  return { path: MEMORY, db, close: () => void db.close() };
}

/** The open file. */
export class LogRowsFile {
  readonly path: string;
  /** Texts that are to be indexed; it is used inside transactions. */
  readonly notes: TextNotes;
  readonly #opened: OpenedFile;
  readonly #clock: Clock;
  readonly #place: string;
  readonly #tables: Tables;

  constructor(opened: OpenedFile, { place, clock }: { readonly place: string; readonly clock: Clock }) {
    this.path = opened.path;
    this.#opened = opened;
    this.#clock = clock;
    this.#place = place;
    this.#tables = this.#db.transaction(() => this.#begin()).immediate();
    this.notes = new TextNotes(this.#tables.sql);
  }

  get #db(): SqliteDatabase {
    return this.#opened.db;
  }

  /** Reads as of one moment. Errors are the driver's: see `faultOf`. */
  read<Value>(work: (tables: Tables) => Value): Value {
    return this.#db.transaction(() => work(this.#tables))();
  }

  /** One transaction that writes. Errors are the driver's. */
  write<Value>(work: (tables: Tables) => Value): Value {
    return this.#db.transaction(() => work(this.#tables)).immediate();
  }

  /** How far the rows were brought. */
  feedPlace(): FeedPlace {
    const { cursor, as_of_ms: asOfMs } = this.#meta();
    return { cursor: typeof cursor === "string" ? cursor : null, asOfMs: Number(asOfMs ?? 0) };
  }

  /** Notes it, inside a transaction. */
  noteFeedPlace({ cursor, asOfMs }: FeedPlace): void {
    this.#setMeta("cursor", cursor);
    this.#setMeta("as_of_ms", asOfMs);
  }

  /** What to throw in place of an error of its reads and writes. */
  faultOf(error: unknown): unknown {
    return sqliteFault(error, { attempted: "use the rows of a node", path: this.path });
  }

  /** A second time does nothing. */
  close(): void {
    if (this.#db.open) this.#opened.close();
  }

  #begin(): Tables {
    const set = currentTableSet(this.#db);
    const { place, version } = this.#meta();
    if (set !== undefined && place === undefined) {
      const message = `${this.path} is the state DB of a home: give the rows of a node a file of their own`;
      throw fault("state_db_unusable", message, { data: { path: this.path } });
    }
    const isOfNow = set?.version === PROJECTION_VERSION && version === FILE_VERSION;
    if (!isOfNow || place !== this.#place) return this.#newTables();
    return tablesOf(this.#db, set.generation, null);
  }

  #newTables(): Tables {
    const generation = createTableSet(this.#db, { state: "building", madeAtMs: this.#clock.nowMs() });
    this.#db.exec(textNotesTable(generation));
    makeCurrent(this.#db, generation);
    for (const set of listTableSets(this.#db)) {
      if (set.generation !== generation) dropTableSet(this.#db, set.generation);
    }
    this.#setMeta("place", this.#place);
    this.#setMeta("version", FILE_VERSION);
    this.noteFeedPlace({ cursor: null, asOfMs: 0 });
    return tablesOf(this.#db, generation, null);
  }

  #meta(): Readonly<Record<string, unknown>> {
    const rows = this.#db
      .prepare<[], { key: string; value: unknown }>(
        "SELECT substr(key, 5) AS key, value FROM meta WHERE key IN ('log_place', 'log_version', 'log_cursor', 'log_as_of_ms')",
      )
      .all();
    return Object.fromEntries(rows.map(({ key, value }) => [key, value]));
  }

  #setMeta(key: string, value: string | number | null): void {
    this.#db.prepare("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)").run(`log_${key}`, value);
  }
}

/** What is said to who uses rows that were closed. */
export function rowsClosed(path: string): Error {
  return fault("runtime_closed", "the rows were closed; open them again", { data: { path } });
}
