/**
 * SQL over one table set: `name_#` stands for the set's own table. Every statement is prepared once and
 * kept, as preparing costs more than running. Nothing here begins a transaction.
 */
import type { SqliteDatabase, SqliteStatement } from "./sqlite-database.ts";

/** A value that is bound to a parameter. */
export type SqlValue = string | number | bigint | null;

export class SetStatements {
  readonly db: SqliteDatabase;
  readonly generation: number;
  readonly #statements = new Map<string, SqliteStatement<SqlValue[]>>();

  constructor(db: SqliteDatabase, generation: number) {
    this.db = db;
    this.generation = generation;
  }

  /** The first row, or undefined. */
  get<Row>(sql: string, ...values: readonly SqlValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined;
  }

  all<Row>(sql: string, ...values: readonly SqlValue[]): readonly Row[] {
    return this.#statement(sql).all(...values) as readonly Row[];
  }

  /** Rows one by one; the caller runs no other statement that writes meanwhile. */
  iterate<Row>(sql: string, ...values: readonly SqlValue[]): IterableIterator<Row> {
    return this.#statement(sql).iterate(...values) as IterableIterator<Row>;
  }

  /** How many rows it changed. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return this.#statement(sql).run(...values).changes;
  }

  #statement(sql: string): SqliteStatement<SqlValue[]> {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const prepared = this.db.prepare<SqlValue[]>(sql.replaceAll("_#", `_${this.generation}`));
    this.#statements.set(sql, prepared);
    return prepared;
  }
}
