/**
 * The full-text index of a set, as those who change rows see it: what changes is noted, and made at the end
 * of the transaction. Searching is text-search.ts; rows whose texts are indexed later have text-notes.ts.
 */
import type { SetStatements } from "./set-statements.ts";

/** Told what changes in the full-text index. */
export interface TextIndexChanges {
  add(id: number, text: string): void;
  remove(id: number): void;
}

/** One change. */
interface TextIndexChange {
  readonly id: number;
  /** Null: it goes. */
  readonly text: string | null;
}

/**
 * Runs what changes rows, and then the changes of the full-text index that it noted. Inside a transaction, and the last
 * thing in it: between other statements changes of the index would cost twenty times as much, as each statement that may
 * be undone makes the index write out what it has.
 */
export function withTextIndex<Value>(sql: SetStatements, work: (index: TextIndexChanges) => Value): Value {
  const changes: TextIndexChange[] = [];
  const value = work({
    add: (id, text) => void changes.push({ id, text }),
    remove: (id) => void changes.push({ id, text: null }),
  });
  writeTextIndex(sql, changes);
  return value;
}

/** Makes changes of the full-text index, in their order. */
export function writeTextIndex(sql: SetStatements, changes: readonly TextIndexChange[]): void {
  for (const { id, text } of changes) {
    if (text === null) sql.run("DELETE FROM texts_fts_# WHERE rowid = ?", id);
    // The tokenizer ends a text at a NUL.
    else sql.run("INSERT INTO texts_fts_# (rowid, text) VALUES (?, ?)", id, text.replaceAll("\0", "\uFFFD"));
  }
}
