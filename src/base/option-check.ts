/**
 * Options as an embedder hands them in: an object, and no member that nobody reads. A misspelt option
 * that is passed over does something else than what was asked for, and says nothing of it.
 */
import { rejection } from "./errors.ts";

/** `invalid_argument` unless this is an object that has only these members; names the first other one. */
export function checkOptions(what: string, options: unknown, members: Readonly<Record<string, true>>): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw rejection("invalid_argument", `the options of ${what} must be an object`);
  }
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(members, name));
  if (unknown === undefined) return;
  const known = Object.keys(members).join(", ");
  throw rejection("invalid_argument", `${what} has no option ${unknown}; there are: ${known}`, { option: unknown });
}
