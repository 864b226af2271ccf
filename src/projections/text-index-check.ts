/**
 * Whether the full-text index gives back what it should: every text of a thread by letters of its own, and no
 * row that is in no text. The index keeps no texts itself, so it can't be compared, only asked.
 */
import { textIdsOf } from "./rollout-store.ts";
import type { SetStatements } from "./set-statements.ts";
import type { Tables } from "./tables.ts";

/** Letters from each end of a text that are looked at for the triples to ask for. */
const END_LETTERS = 12;

/** How many texts of a thread the index does not give back. Inside a transaction. */
export function unfoundTexts({ sql, rollouts }: Tables, threadId: string): number {
  let unfound = 0;
  for (const { id } of rollouts.ofThread(threadId)) {
    const { from, to } = textIdsOf(id);
    const texts = sql.all<{ id: number; text: unknown }>(
      "SELECT id, text FROM texts_# WHERE id >= ? AND id < ?",
      from,
      to,
    );
    for (const text of texts) if (!isFound(sql, text)) unfound += 1;
  }
  return unfound;
}

/** Rows that are only in the index, or only in the texts. */
export function strayTexts({ sql }: Tables): number {
  const stray = sql.get<{ rows: number }>(
    `SELECT (SELECT count(*) FROM (SELECT rowid FROM texts_fts_# EXCEPT SELECT id FROM texts_#))
          + (SELECT count(*) FROM (SELECT id FROM texts_# EXCEPT SELECT rowid FROM texts_fts_#)) AS rows`,
  );
  return stray?.rows ?? 0;
}

function isFound(sql: SetStatements, { id, text }: { readonly id: number; readonly text: unknown }): boolean {
  // A damaged file may hold anything in a text's place.
  if (typeof text !== "string") return false;
  const match = matchOf(text.replaceAll("\0", "\uFFFD"));
  // A text shorter than a triple is in the index without any.
  if (match === null) return sql.get("SELECT 1 FROM texts_fts_# WHERE rowid = ?", id) !== undefined;
  return sql.get("SELECT 1 FROM texts_fts_# WHERE texts_fts_# MATCH ? AND rowid = ?", match, id) !== undefined;
}

/** The first and the last triple of a text; null where it is too short for one. */
function matchOf(text: string): string | null {
  const first = Array.from(text.slice(0, END_LETTERS)).slice(0, 3);
  const last = Array.from(text.slice(-END_LETTERS)).slice(-3);
  if (first.length < 3 || last.length < 3) return null;
  return [first, last].map((letters) => `"${letters.join("").replaceAll('"', '""')}"`).join(" AND ");
}
