/**
 * How two JSON values differ, as a list of places. Members that are undefined count as absent, and
 * the order of members doesn't count; the order of array elements does. Bounded: past the first
 * hundred places it stops, since nobody reads more.
 */

/** One place where the two values disagree; undefined means absent there. */
export interface JsonDifference {
  /** Dotted path, `turns.0.items.2.text`; "" is the whole value. */
  readonly path: string;
  readonly skein: unknown;
  readonly codex: unknown;
}

const DIFFERENCES_MAX = 100;

/** Every place where the two differ, in order; empty when they are the same. */
export function diffJson(skein: unknown, codex: unknown): JsonDifference[] {
  const found: JsonDifference[] = [];
  collect({ path: "", skein, codex }, found);
  return found;
}

function collect(place: JsonDifference, found: JsonDifference[]): void {
  const { path, skein, codex } = place;
  if (found.length >= DIFFERENCES_MAX || Object.is(skein, codex)) return;
  if (!isContainer(skein) || !isContainer(codex) || Array.isArray(skein) !== Array.isArray(codex)) {
    found.push(place);
    return;
  }
  for (const key of new Set([...Object.keys(skein), ...Object.keys(codex)])) {
    const below = { path: path === "" ? key : `${path}.${key}`, skein: skein[key], codex: codex[key] };
    collect(below, found);
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
