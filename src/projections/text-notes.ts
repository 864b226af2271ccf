/**
 * Texts of a node's rows that are in no part of its index yet: noted in the transaction that writes them, and made
 * parts of many at a time. Indexing text by text would cost whoever writes more than all other rows together; what is
 * not enough for a part stays noted, and who searches looks at it text by text.
 *
 * 1. A text is noted or in a part; the file says which, so nothing rests on how a process ended.
 * 2. A text that goes before it was indexed only loses its note; of one in a part its number is left there.
 * 3. At most one part's worth of texts is noted when a search begins, but for what is written meanwhile.
 */
import type { SetStatements } from "./set-statements.ts";
import type { TextIndexChanges } from "./text-index.ts";
import { allTexts, type TextLookup } from "./text-lookup.ts";
import { type PartText, TextParts } from "./text-parts.ts";

/** What makes a part, whichever comes first: it is made in one turn of the event loop. */
export interface PartSize {
  readonly texts: number;
  readonly letters: number;
}

/** Some 15 ms. */
export const PART_SIZE: PartSize = Object.freeze({ texts: 2_000, letters: 1024 * 1024 });

/** The notes of a set; n is its generation. A state DB that homes share has none: there texts are indexed at once. */
export function textNotesTable(n: number): string {
  return `CREATE TABLE unindexed_${n} (id INTEGER PRIMARY KEY, letters INTEGER NOT NULL) STRICT;`;
}

/** The notes of the one handle that writes a file, and the parts behind them. */
export class TextNotes {
  readonly #sql: SetStatements;
  readonly #parts: TextParts;
  readonly #partSize: PartSize;
  #texts: number;
  #letters: number;

  constructor(sql: SetStatements, partSize: PartSize) {
    this.#sql = sql;
    this.#parts = new TextParts(sql);
    this.#partSize = partSize;
    const found = sql.get<PartSize>("SELECT count(*) AS texts, coalesce(sum(letters), 0) AS letters FROM unindexed_#");
    this.#texts = found?.texts ?? 0;
    this.#letters = found?.letters ?? 0;
  }

  /** What waits, of the transactions that stand. */
  get waiting(): PartSize {
    return { texts: this.#texts, letters: this.#letters };
  }

  /** How many parts what waits makes; what is left then waits on. */
  get partsWaiting(): number {
    const { texts, letters } = this.#partSize;
    return Math.max(Math.floor(this.#texts / texts), Math.floor(this.#letters / letters));
  }

  /** Runs what changes rows, and notes its texts. Inside a transaction; answers what to do once it stands. */
  noting(work: (index: TextIndexChanges) => void): () => void {
    let [texts, letters] = [0, 0];
    work({
      add: (id, text) => {
        if (!this.#note({ id, text })) return;
        texts += 1;
        letters += text.length;
      },
      remove: (id) => {
        const note = this.#sql.get<{ letters: number }>("DELETE FROM unindexed_# WHERE id = ? RETURNING letters", id);
        if (note === undefined) this.#parts.remove(id);
        else {
          texts -= 1;
          letters -= note.letters;
        }
      },
    });
    return () => this.#count({ texts, letters });
  }

  /** Makes a part of what is noted. A transaction of its own; answers what to do once it stands. */
  index(): () => void {
    const most = this.#partSize;
    const texts: PartText[] = [];
    let letters = 0;
    const noted = this.#sql.iterate<PartText>(
      "SELECT u.id, t.text FROM unindexed_# u JOIN texts_# t ON t.id = u.id ORDER BY u.id",
    );
    for (const one of noted) {
      texts.push(one);
      letters += one.text.length;
      if (texts.length >= most.texts || letters >= most.letters) break;
    }
    const last = texts.at(-1);
    if (last === undefined) return () => this.#count({ texts: -this.#texts, letters: -this.#letters });
    this.#parts.add(texts);
    this.#sql.run("DELETE FROM unindexed_# WHERE id <= ?", last.id);
    const again = this.#parts.giveUp().filter((text) => this.#note(text));
    const more = again.reduce((sum, { text }) => sum + text.length, 0);
    return () => this.#count({ texts: again.length - texts.length, letters: more - letters });
  }

  /** Looks a term up in the parts and the notes; `holds` says of a text if the term is in it. */
  lookUp(term: string, holds: (text: string) => boolean): TextLookup {
    const ids = this.#parts.find(term);
    if (ids === null) return { rare: () => null, among: (range) => allTexts(this.#sql, range) };
    const noted = this.#sql.iterate<PartText>(
      "SELECT u.id, t.text FROM unindexed_# u JOIN texts_# t ON t.id = u.id ORDER BY u.id",
    );
    for (const { id, text } of noted) if (holds(text)) ids.add(id);
    const sorted = [...ids].toSorted((a, b) => a - b);
    return {
      rare: (textsMax) => (sorted.length > textsMax ? null : sorted),
      among: ({ from, to }) => sorted.slice(placeOf(sorted, from), placeOf(sorted, to)),
    };
  }

  /** False where it is noted already. */
  #note({ id, text }: PartText): boolean {
    return this.#sql.run("INSERT OR IGNORE INTO unindexed_# VALUES (?, ?)", id, text.length) > 0;
  }

  #count({ texts, letters }: PartSize): void {
    this.#texts += texts;
    this.#letters += letters;
  }
}

/** How many of sorted numbers are smaller. */
function placeOf(sorted: readonly number[], number: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) < number) from = middle + 1;
    else to = middle;
  }
  return from;
}
