/**
 * Finds what values have in common that differ only by a number that counts up: a thousand items become one line
 * with an `n` in it. Only what is exact: the n-th value is the pattern with n put in, or there is no pattern.
 */
import type { Literal, LiteralMember, TextPart } from "./literal-tree.ts";

const PROBE = 4;

/** The pattern of which `literals[n]` is the n-th value; undefined when there is none. */
export function seriesOf(literals: readonly Literal[]): Literal | undefined {
  const [first] = literals;
  if (first === undefined || literals.some((literal) => literal.kind !== first.kind)) return undefined;
  switch (first.kind) {
    case "number":
      return numberSeries(literals.flatMap((literal) => (literal.kind === "number" ? [literal.value] : [])));
    case "text":
      return textSeries(literals.flatMap((literal) => (literal.kind === "text" ? [literal.parts] : [])));
    case "array":
      return arraySeries(literals.flatMap((literal) => (literal.kind === "array" ? [literal.items] : [])));
    case "object":
      return objectSeries(literals.flatMap((literal) => (literal.kind === "object" ? [literal.members] : [])));
    default:
      return allSame(literals) ? first : undefined;
  }
}

/** How many of the first values have a pattern. */
export function seriesLength(literals: readonly Literal[]): number {
  // Most are none, which the first few show.
  if (literals.length < PROBE || seriesOf(literals.slice(0, PROBE)) === undefined) return 0;
  let low = PROBE;
  let high = literals.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (seriesOf(literals.slice(0, middle)) === undefined) high = middle - 1;
    else low = middle;
  }
  return low;
}

function allSame(values: readonly unknown[]): boolean {
  const first = JSON.stringify(values[0]);
  return values.every((value) => JSON.stringify(value) === first);
}

function numberSeries(values: readonly number[]): Literal | undefined {
  const [base = 0] = values;
  if (values.every((value) => Object.is(value, base))) return { kind: "number", value: base };
  const counts = Number.isSafeInteger(base) && values.every((value, n) => value === base + n);
  return counts ? { kind: "step", step: { base } } : undefined;
}

function textSeries(texts: readonly (readonly TextPart[])[]): Literal | undefined {
  const [first = []] = texts;
  if (allSame(texts)) return { kind: "text", parts: first };
  const plain = texts.map((parts) => (parts.length === 1 && typeof parts[0] === "string" ? parts[0] : undefined));
  const [begin, next] = plain;
  if (begin === undefined || next === undefined) return undefined;
  // Every number in the first text may be the one that counts.
  for (const match of begin.matchAll(/\d+/g)) {
    const base = Number(match[0]);
    if (!Number.isSafeInteger(base) || String(base) !== match[0]) continue;
    const before = begin.slice(0, match.index);
    const behind = begin.slice(match.index + match[0].length);
    if (plain.every((text, n) => text === `${before}${base + n}${behind}`)) {
      return { kind: "text", parts: [before, { base }, behind].filter((part) => part !== "") };
    }
  }
  return undefined;
}

function arraySeries(arrays: readonly (readonly Literal[])[]): Literal | undefined {
  const [first = []] = arrays;
  if (arrays.some((items) => items.length !== first.length)) return undefined;
  const items = first.map((_, index) => seriesOf(arrays.flatMap((array) => array.slice(index, index + 1))));
  return items.every((item) => item !== undefined) ? { kind: "array", items } : undefined;
}

function objectSeries(objects: readonly (readonly LiteralMember[])[]): Literal | undefined {
  const [first = []] = objects;
  if (!allSame(objects.map((members) => members.map((member) => member.key)))) return undefined;
  const members: LiteralMember[] = [];
  for (const [index, { key }] of first.entries()) {
    const value = seriesOf(objects.flatMap((object) => object.slice(index, index + 1).map((member) => member.value)));
    if (value === undefined) return undefined;
    members.push({ key, value });
  }
  return { kind: "object", members };
}
