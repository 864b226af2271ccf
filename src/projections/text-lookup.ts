/**
 * Which texts may hold a term, by whichever index a set has: SQLite's full text, which is made with the rows, or the
 * parts and notes of a node's rows (text-notes.ts). What may hold it is looked at again by who asks.
 */
import type { SetStatements } from "./set-statements.ts";

/** One term, looked up. */
export interface TextLookup {
  /** Ids of all texts that may hold it, in no order; null where they are more than so many, or it is too short to say. */
  rare(textsMax: number): readonly number[] | null;
  /** Ids of [from, to) that may hold it, smallest first. */
  among(ids: { readonly from: number; readonly to: number }): readonly number[];
}

/** Triples of a long term that are asked for: these few already leave next to nothing else. */
const TRIPLES_MAX = 24;

/** Looks a term up in the full text of a set. */
export function lookUpFullText(sql: SetStatements, term: string): TextLookup {
  const match = matchOf(term);
  return {
    rare: (textsMax) => {
      if (match === null) return null;
      const rows = sql.all<{ id: number }>(
        "SELECT rowid AS id FROM texts_fts_# WHERE texts_fts_# MATCH ? LIMIT ?",
        match,
        textsMax + 1,
      );
      return rows.length > textsMax ? null : rows.map(({ id }) => id);
    },
    among: ({ from, to }) => {
      if (match === null) return allTexts(sql, { from, to });
      const rows = sql.all<{ id: number }>(
        "SELECT rowid AS id FROM texts_fts_# WHERE texts_fts_# MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid",
        match,
        from,
        to,
      );
      return rows.map(({ id }) => id);
    },
  };
}

/** Ids of the texts of [from, to), smallest first. */
export function allTexts(sql: SetStatements, { from, to }: Parameters<TextLookup["among"]>[0]): readonly number[] {
  const rows = sql.all<{ id: number }>("SELECT id FROM texts_# WHERE id >= ? AND id < ? ORDER BY id", from, to);
  return rows.map(({ id }) => id);
}

/** The triples of a term, all of which a text with it has; null when it is too short for one. */
function matchOf(query: string): string | null {
  const letters = Array.from(query.replaceAll("\0", "\uFFFD"));
  if (letters.length < 3) return null;
  const triples = letters.slice(0, -2).map((_, at) => letters.slice(at, at + 3).join(""));
  const wanted = [...new Set(triples)].slice(0, TRIPLES_MAX);
  return wanted.map((triple) => `"${triple.replaceAll('"', '""')}"`).join(" AND ");
}
