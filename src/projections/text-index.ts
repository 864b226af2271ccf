/**
 * The full-text index of a set, as those who change rows see it: what changes is noted, and made at the end
 * of the transaction. Searching is text-search.ts.
 */
import type { SetStatements } from "./set-statements.ts";

/**
 * Changes of the full-text index, kept to the end of a transaction. Between other statements they would cost
 * twenty times as much: each statement that may be undone makes the index write out what it has.
 */
export class TextIndexChanges {
  readonly #changes: { readonly id: number; readonly text: string | null }[] = [];

  add(id: number, text: string): void {
    this.#changes.push({ id, text });
  }

  remove(id: number): void {
    this.#changes.push({ id, text: null });
  }

  /** Makes the changes, in their order. The last thing in a transaction. */
  apply(sql: SetStatements): void {
    for (const { id, text } of this.#changes.splice(0)) {
      if (text === null) sql.run("DELETE FROM texts_fts_# WHERE rowid = ?", id);
      // The tokenizer ends a text at a NUL.
      else sql.run("INSERT INTO texts_fts_# (rowid, text) VALUES (?, ?)", id, text.replaceAll("\0", "\uFFFD"));
    }
  }
}

/** Runs what changes rows, and then the changes of the full-text index that it noted. Inside a transaction. */
export function withTextIndex<Value>(sql: SetStatements, work: (index: TextIndexChanges) => Value): Value {
  const index = new TextIndexChanges();
  const value = work(index);
  index.apply(sql);
  return value;
}
