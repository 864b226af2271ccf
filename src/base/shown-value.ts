/**
 * How an error's data shows a value that was refused: it may be anything, and telling what is wrong with it must not
 * break on it. An object without a prototype can't be made text, and one may have a toString that is none.
 */

/** A plain value as text, anything else by its kind. Never throws. */
export function toShownValue(value: unknown): string {
  if (value === null || value === undefined) return `${value}`;
  if (typeof value === "string") return value;
  const isPlain = typeof value === "number" || typeof value === "boolean" || typeof value === "bigint";
  if (isPlain || typeof value === "symbol") return String(value);
  return typeof value;
}
