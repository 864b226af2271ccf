/**
 * How an error's data shows a value that was refused: it may be anything, and telling what is wrong with it must not
 * break on it. An object without a prototype can't be made text, and one may have a toString that is none.
 */

/** A plain value as text, anything else by its kind. Never throws. */
export function toShownValue(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" || typeof value === "function" ? typeof value : String(value);
}
