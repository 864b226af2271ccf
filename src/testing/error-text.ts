/**
 * What an error says of itself, whatever it is: a store may reject with anything, and a report of a broken law
 * must not break on it. An object without a prototype can't be made text, and a getter may throw.
 */
import { isSkeinError } from "../base/index.ts";
import type { ErrorMark } from "./recorded-call.ts";

const UNTELLABLE = "what it was rejected with can't be told as text";

/** Its message, or its text. Never throws. */
export function errorText(error: unknown): string {
  return errorMark(error).message;
}

/** Its name and message, and its code where it is one of Skein's. Never throws. */
export function errorMark(error: unknown): ErrorMark {
  try {
    if (!(error instanceof Error)) return { name: "Error", ...codeOf(error), message: String(error) };
    return { ...codeOf(error), name: textOf(error.name), message: textOf(error.message) };
  } catch {
    return { name: "Error", message: UNTELLABLE };
  }
}

/** Nothing keeps a program from giving an error a message that is no text. */
function textOf(value: unknown): string {
  return String(value);
}

function codeOf(error: unknown): Pick<ErrorMark, "code"> {
  return isSkeinError(error) ? { code: error.code } : {};
}
