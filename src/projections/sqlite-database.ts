/**
 * The part of a SQLite connection that this room uses, in its own words: the package's declarations name no
 * type of the driver, so that a program which uses Skein needs none. sqlite-connection.ts gives one.
 */

/** A prepared statement. */
export interface SqliteStatement<Bound extends readonly unknown[] = readonly unknown[], Row = unknown> {
  run(...values: Bound): { readonly changes: number; readonly lastInsertRowid: number | bigint };
  get(...values: Bound): Row | undefined;
  all(...values: Bound): Row[];
  iterate(...values: Bound): IterableIterator<Row>;
  /** Gives the first column instead of the row. */
  pluck(): SqliteStatement<Bound, Row>;
}

/** Work as a transaction; `immediate` takes the lock at its beginning. */
export interface SqliteTransaction<Values extends readonly unknown[], Result> {
  (...values: Values): Result;
  immediate(...values: Values): Result;
}

/** An open connection. For this room and its workers. */
export interface SqliteDatabase {
  /** The file. */
  readonly name: string;
  readonly open: boolean;
  readonly inTransaction: boolean;
  prepare<Bound extends readonly unknown[] = readonly unknown[], Row = unknown>(
    sql: string,
  ): SqliteStatement<Bound, Row>;
  exec(sql: string): unknown;
  transaction<Values extends readonly unknown[], Result>(
    work: (...values: Values) => Result,
  ): SqliteTransaction<Values, Result>;
  pragma(source: string, options?: { readonly simple?: boolean }): unknown;
  close(): unknown;
}
