/**
 * The full-text index of a node's rows: parts of many texts, each made once and as a whole, of the triples of letters
 * in them (text-triples.ts). It knows which texts may hold a term. Of a text that goes or changes its number stays in
 * its part; a part of which less than half is left is given up.
 * Every method is called inside the caller's transaction.
 */
import type { SetStatements } from "./set-statements.ts";
import { chunkOf, CHUNKS, countTexts, TripleSets } from "./text-triples.ts";

/** The tables of a set; n is its generation. */
export function textPartsTables(n: number): string {
  return `
CREATE TABLE text_parts_${n} (id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL, left INTEGER NOT NULL) STRICT;
CREATE TABLE text_places_${n} (id INTEGER PRIMARY KEY, part INTEGER NOT NULL) STRICT;
CREATE TABLE text_triples_${n} (id INTEGER PRIMARY KEY, texts BLOB NOT NULL) STRICT;
`;
}

/** A text with its id. */
export interface PartText {
  readonly id: number;
  readonly text: string;
}

/** Rows that a part has of triples: its chunks, and which text each number in them is. */
const PART_ROWS = CHUNKS + 1;

/** The parts of a set. */
export class TextParts {
  readonly #sql: SetStatements;
  #sets: TripleSets | null = null;

  constructor(sql: SetStatements) {
    this.#sql = sql;
  }

  /** Makes a part of texts. */
  add(texts: readonly PartText[]): void {
    const sets = this.#requireSets();
    const part = this.#sql.get<{ id: number }>(
      "INSERT INTO text_parts_# (size, left) VALUES (?, ?) RETURNING id",
      texts.length,
      texts.length,
    );
    if (part === undefined) throw new TypeError("an insert returned no row");
    for (const { id, text } of texts) {
      sets.add(text);
      this.#sql.run("INSERT INTO text_places_# VALUES (?, ?)", id, part.id);
    }
    let row = part.id * PART_ROWS;
    for (const chunk of sets.take()) {
      this.#sql.run("INSERT INTO text_triples_# VALUES (?, ?)", row, chunk);
      row += 1;
    }
    const ids = new Uint8Array(Float64Array.from(texts, ({ id }) => id).buffer);
    this.#sql.run("INSERT INTO text_triples_# VALUES (?, ?)", row, ids);
  }

  /** Ids of texts that may hold a term, in no order; null where it is too short to be asked for. */
  find(term: string): Set<number> | null {
    const buckets = this.#requireSets().bucketsOf(term);
    if (buckets === null) return null;
    const found = new Set<number>();
    for (const part of this.#sql.all<{ id: number; size: number }>("SELECT id, size FROM text_parts_#")) {
      const numbers = this.#numbersWith(part, buckets);
      const ids = numbers.length === 0 ? [] : this.#idsOf(part.id);
      for (const number of numbers) found.add(ids[number] ?? 0);
    }
    return found;
  }

  /** A text that is in a part goes. */
  remove(id: number): void {
    const place = this.#sql.get<{ part: number }>("DELETE FROM text_places_# WHERE id = ? RETURNING part", id);
    if (place !== undefined) this.#sql.run("UPDATE text_parts_# SET left = left - 1 WHERE id = ?", place.part);
  }

  /** Gives the oldest part up of which less than half is left; answers its texts, which are in no part then. */
  giveUp(): readonly PartText[] {
    const part = this.#sql.get<{ id: number }>("SELECT id FROM text_parts_# WHERE left * 2 < size ORDER BY id LIMIT 1");
    if (part === undefined) return [];
    const texts: PartText[] = [];
    for (const id of this.#idsOf(part.id)) {
      if (this.#sql.run("DELETE FROM text_places_# WHERE id = ? AND part = ?", id, part.id) === 0) continue;
      const row = this.#sql.get<{ text: string }>("SELECT text FROM texts_# WHERE id = ?", id);
      if (row !== undefined) texts.push({ id, text: row.text });
    }
    this.#sql.run("DELETE FROM text_parts_# WHERE id = ?", part.id);
    const first = part.id * PART_ROWS;
    this.#sql.run("DELETE FROM text_triples_# WHERE id >= ? AND id < ?", first, first + PART_ROWS);
    return texts;
  }

  /** Numbers of a part's texts that are in all of the buckets. */
  #numbersWith(part: { readonly id: number; readonly size: number }, buckets: readonly number[]): readonly number[] {
    const counts = new Uint8Array(part.size);
    let asked = 0;
    for (const bucket of buckets) {
      countTexts(this.#bytesAt(part.id * PART_ROWS + chunkOf(bucket)), bucket, counts);
      asked += 1;
      if (!counts.includes(asked)) return [];
    }
    const numbers: number[] = [];
    for (let at = counts.indexOf(asked); at >= 0; at = counts.indexOf(asked, at + 1)) numbers.push(at);
    return numbers;
  }

  #idsOf(part: number): Float64Array {
    // A copy, for the driver's bytes may begin anywhere.
    return new Float64Array(new Uint8Array(this.#bytesAt(part * PART_ROWS + CHUNKS)).buffer);
  }

  #bytesAt(id: number): Uint8Array {
    const row = this.#sql.get<{ texts: Uint8Array }>("SELECT texts FROM text_triples_# WHERE id = ?", id);
    return row?.texts ?? new Uint8Array();
  }

  /** Made when they are first needed: a megabyte, and some milliseconds. */
  #requireSets(): TripleSets {
    this.#sets ??= new TripleSets();
    return this.#sets;
  }
}
