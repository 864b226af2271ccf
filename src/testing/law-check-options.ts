/**
 * How a law is tried. What is asked is looked at once, before anything is made: a number of examples that tries none,
 * a seed that another one stands for, or a claim that nobody knows would each end as a law that is "kept".
 */
import { inspect } from "node:util";

import { type Clock, rejection } from "../base/index.ts";
import { NEED_TEXTS, type StoreClaims } from "./store-claims.ts";

/** How a law is tried. */
export interface LawCheckOptions {
  /** All that is random follows from it; a 32-bit integer. Default: fast-check's global seed, else drawn anew. */
  readonly seed?: number;
  /** Examples tried, 1 or more. Default: the law's own number. */
  readonly runs?: number;
  /** Of a failure: only its example is tried again. */
  readonly path?: string;
  /** Of a failure of commands. */
  readonly replayPath?: string;
  /** What the store claims beyond, or less than, what its handle and place say. */
  readonly capabilities?: Partial<StoreClaims>;
  /**
   * Longest that one example may take, milliseconds, and so its closing and its disposing; a call that never settles
   * breaks the law by it, and that example is not made small. Default 30,000.
   */
  readonly exampleMaxMs?: number;
  /** Whether an example that breaks the law is made small. Default true. */
  readonly shrinks?: boolean;
  /** Time of `durationMs`. Default: the machine's. */
  readonly clock?: Clock;
}

/** What is looked at. */
type CheckedOptions = Pick<LawCheckOptions, "seed" | "runs" | "path" | "replayPath" | "exampleMaxMs" | "capabilities">;

const INT32_MAX = 2 ** 31 - 1;

/** Claims that are one of several words. */
const WORDS: Readonly<Record<string, readonly string[]>> = Object.freeze({
  durability: ["memory", "os", "fsync"],
  fork: ["copy", "reference", "none"],
});

/** `invalid_argument` for options that can't be used as they are. */
export function requireCheckOptions(options: CheckedOptions): void {
  const { seed, runs, path, replayPath, exampleMaxMs, capabilities } = options;
  requireWhole("seed", seed, { min: -INT32_MAX - 1, what: "a 32-bit integer" });
  requireWhole("runs", runs, { min: 1, what: "a whole number of examples, 1 or more" });
  requireDuration("exampleMaxMs", exampleMaxMs);
  requireForm("path", path, /^\d{1,9}(?::\d{1,9})*$/);
  requireForm("replayPath", replayPath, /^[A-Za-z0-9+/]*:[A-Za-z0-9+/]*$/);
  if (capabilities !== undefined) requireClaims(capabilities);
}

/** `invalid_argument` unless it is left out, or milliseconds that a timer can take. */
export function requireDuration(name: string, value: unknown): void {
  if (value === undefined || (typeof value === "number" && value > 0 && value <= INT32_MAX)) return;
  throw rejection("invalid_argument", `${name} must be milliseconds, more than 0 and at most ${INT32_MAX}`, {
    [name]: inspect(value),
  });
}

function requireWhole(
  name: string,
  value: unknown,
  { min, what }: { readonly min: number; readonly what: string },
): void {
  if (
    value === undefined ||
    (typeof value === "number" && Number.isInteger(value) && value >= min && value <= INT32_MAX)
  )
    return;
  throw rejection("invalid_argument", `${name} must be ${what}`, { [name]: inspect(value) });
}

function requireForm(name: string, value: unknown, form: RegExp): void {
  if (value === undefined || (typeof value === "string" && form.test(value))) return;
  throw rejection("invalid_argument", `${name} is none that a failure has`, { [name]: inspect(value) });
}

function requireClaims(claims: Partial<StoreClaims>): void {
  const flags = Object.keys(NEED_TEXTS).filter((need) => need !== "forkByCopy" && !Object.hasOwn(WORDS, need));
  for (const [name, value] of Object.entries(claims)) {
    const words = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
    if (words === undefined && !flags.includes(name)) {
      const known = [...Object.keys(WORDS), ...flags].join(", ");
      throw rejection("invalid_argument", `no store claims ${JSON.stringify(name)}; there are: ${known}`, {
        capability: name,
      });
    }
    // Left out in another spelling.
    if (value === undefined) continue;
    if (words === undefined ? typeof value === "boolean" : words.some((word) => word === value)) continue;
    const wanted = words === undefined ? "true or false" : words.join(", ");
    throw rejection("invalid_argument", `the claim ${name} must be ${wanted}`, { capability: name });
  }
}
