/**
 * The table set that is read now, with what reads and writes it. Another process may swap sets at any time
 * (a rebuild), so it is asked for at the beginning of each transaction and never kept across an await.
 */
import { fault } from "../base/index.ts";
import type { HomePaths } from "../store/local/index.ts";
import { RolloutStore } from "./rollout-store.ts";
import { SetStatements } from "./set-statements.ts";
import type { SqliteDatabase } from "./sqlite-connection.ts";
import { ThreadRows } from "./thread-rows.ts";

/** One set's tables, with their statements. */
export interface Tables {
  readonly sql: SetStatements;
  readonly rollouts: RolloutStore;
  readonly threads: ThreadRows;
}

/** The tables of one generation. `paths`: the home's whose files the rows are of; null where logs have no files. */
export function tablesOf(db: SqliteDatabase, generation: number, paths: HomePaths | null): Tables {
  const sql = new SetStatements(db, generation);
  const rollouts = new RolloutStore(sql);
  return { sql, rollouts, threads: new ThreadRows(sql, rollouts, paths) };
}

/** Gives the current set's tables; the same object as long as it is current. */
export class CurrentTables {
  readonly #db: SqliteDatabase;
  readonly #paths: HomePaths;
  readonly #current;
  #tables: Tables | null = null;

  constructor(db: SqliteDatabase, paths: HomePaths) {
    this.#db = db;
    this.#paths = paths;
    this.#current = db.prepare<[], { generation: number }>("SELECT generation FROM table_sets WHERE state = 'current'");
  }

  /** `state_db_unusable` before the first set was filled. */
  get(): Tables {
    const generation = this.#current.get()?.generation;
    if (generation === undefined) {
      throw fault("state_db_unusable", `the state DB ${this.#db.name} has no rows yet: open it for writing once`, {
        data: { path: this.#db.name },
      });
    }
    if (this.#tables?.sql.generation !== generation) this.#tables = tablesOf(this.#db, generation, this.#paths);
    return this.#tables;
  }
}
