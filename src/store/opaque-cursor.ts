/**
 * Cursors that say nothing to who holds them: base64url of a small JSON object. They carry a position,
 * never an offset, so they stay true while threads come and go. What can't be read back is refused
 * with `invalid_cursor`; it is never guessed at.
 */
import { rejection, type SkeinError } from "../base/index.ts";

/** Longest cursor that is looked at; ours are under 200 characters. */
const CURSOR_CHARS_MAX = 2_048;

/** Packs a position. */
export function encodeCursor(position: object): string {
  return Buffer.from(JSON.stringify(position), "utf8").toString("base64url");
}

/** Unpacks a position; `invalid_cursor` unless it is base64url of a JSON object. */
export function decodeCursor(cursor: string): Readonly<Record<string, unknown>> {
  if (cursor.length === 0 || cursor.length > CURSOR_CHARS_MAX) throw invalidCursor(cursor);
  return parseObject(Buffer.from(cursor, "base64url").toString("utf8"), cursor);
}

/** Reads JSON text as an object; `invalid_cursor` otherwise. */
export function parseObject(text: string, cursor: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidCursor(cursor);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalidCursor(cursor);
  return value as Readonly<Record<string, unknown>>;
}

/** The rejection for a cursor that is not one of ours, or belongs to another list. */
export function invalidCursor(cursor: string, why = "it is not a cursor of this list"): SkeinError {
  const shown = cursor.length > 80 ? `${cursor.slice(0, 80)}…` : cursor;
  return rejection("invalid_cursor", `invalid cursor: ${why}; begin again without one`, {
    cursor: shown,
  });
}
