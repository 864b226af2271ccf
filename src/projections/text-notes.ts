/**
 * Texts whose place in the full-text index is still to be made: noted in the transaction that writes them, and indexed
 * later, many at a time. Indexing text by text costs whoever writes more than all other rows together; in
 * large transactions each triple of letters is written out once for many texts.
 *
 * 1. A text is in the index or it is noted, never both; the file says which, so nothing rests on how a process ended.
 * 2. A text that goes before it was indexed only loses its note.
 * 3. Who searches has everything indexed first that was noted before.
 */
import type { SetStatements } from "./set-statements.ts";
import { type TextIndexChanges, writeTextIndex } from "./text-index.ts";

/** Texts that are indexed in one transaction, and so in one turn of the event loop. */
const STRETCH_TEXTS_MAX = 1_000;
const STRETCH_LETTERS_MAX = 256 * 1024;

/** The notes of a set; n is its generation. A state DB that homes share has none: there texts are indexed at once. */
export function textNotesTable(n: number): string {
  return `CREATE TABLE unindexed_${n} (id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, letters INTEGER NOT NULL) STRICT;`;
}

/** How much waits. */
interface NotedSize {
  readonly texts: number;
  readonly letters: number;
}

/** What one transaction indexed. */
interface IndexedStretch extends NotedSize {
  /** Nothing more was noted up to the place that was asked for. */
  readonly isLast: boolean;
}

/** The notes of the one handle that writes a file. */
export class TextNotes {
  readonly #sql: SetStatements;
  #lastSeq: number;
  #texts: number;
  #letters: number;

  constructor(sql: SetStatements) {
    this.#sql = sql;
    const found = sql.get<{ texts: number; letters: number; seq: number }>(
      "SELECT count(*) AS texts, coalesce(sum(letters), 0) AS letters, coalesce(max(seq), 0) AS seq FROM unindexed_#",
    );
    this.#lastSeq = found?.seq ?? 0;
    this.#texts = found?.texts ?? 0;
    this.#letters = found?.letters ?? 0;
  }

  /** What waits, of the transactions that stand. */
  get waiting(): NotedSize {
    return { texts: this.#texts, letters: this.#letters };
  }

  /** Where the notes end now, for `index`. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /**
   * Runs what changes rows; its texts are noted, and what goes of those that are indexed goes at the end. Inside a
   * transaction; answers what to do once it stands.
   */
  noting(work: (index: TextIndexChanges) => void): () => void {
    const indexed: number[] = [];
    let [texts, letters] = [0, 0];
    work({
      add: (id, text) => {
        this.#note(id, text);
        texts += 1;
        letters += text.length;
      },
      remove: (id) => {
        const note = this.#sql.get<{ letters: number }>("DELETE FROM unindexed_# WHERE id = ? RETURNING letters", id);
        if (note === undefined) indexed.push(id);
        else {
          texts -= 1;
          letters -= note.letters;
        }
      },
    });
    writeTextIndex(
      this.#sql,
      indexed.map((id) => ({ id, text: null })),
    );
    return () => this.#count({ texts, letters });
  }

  /** Indexes some of what was noted up to a place. A transaction of its own; `indexed` is told once it stands. */
  index(upTo: number): IndexedStretch {
    const texts: { readonly id: number; readonly text: string }[] = [];
    let letters = 0;
    let hasMore = false;
    const noted = this.#sql.iterate<{ readonly id: number; readonly text: string }>(
      "SELECT u.id, t.text FROM unindexed_# u JOIN texts_# t ON t.id = u.id WHERE u.seq <= ? ORDER BY u.id",
      upTo,
    );
    for (const one of noted) {
      hasMore = texts.length >= STRETCH_TEXTS_MAX || letters >= STRETCH_LETTERS_MAX;
      if (hasMore) break;
      texts.push(one);
      letters += one.text.length;
    }
    writeTextIndex(this.#sql, texts);
    const last = texts.at(-1);
    if (last !== undefined) this.#sql.run("DELETE FROM unindexed_# WHERE seq <= ? AND id <= ?", upTo, last.id);
    return { texts: texts.length, letters, isLast: !hasMore };
  }

  /** Counts a stretch whose transaction stands. */
  indexed({ texts, letters }: IndexedStretch): void {
    this.#count({ texts: -texts, letters: -letters });
  }

  #note(id: number, text: string): void {
    this.#lastSeq += 1;
    this.#sql.run("INSERT OR REPLACE INTO unindexed_# VALUES (?, ?, ?)", id, this.#lastSeq, text.length);
  }

  #count({ texts, letters }: NotedSize): void {
    this.#texts += texts;
    this.#letters += letters;
  }
}
