/**
 * Prints trees of values as code: on one line where it fits, else a member a line. Long runs are written by code
 * where that is exact: `"x".repeat(5000)`, `Array.from({ length: 1000 }, (_, n) => …)`.
 */
import { seriesLength, seriesOf } from "./literal-series.ts";
import { isStep, type Literal, type Reference, type Step, type TextPart } from "./literal-tree.ts";

/** How things are called where the code stands. */
export interface PrintNames {
  /** What a reference is written as. */
  reference(reference: Reference): string;
  /** A variable that holds this value; undefined: it is written out. */
  constant?(text: string): string | undefined;
}

/** Columns that a line of code may have. */
const WIDTH_MAX = 110;
/** From so many items on, a series is worth its code. */
const SERIES_MIN = 8;
const LONG_TEXT_MIN = 64;

/** The value as code that begins `column` columns in, on a line that is indented by `indent`. */
export function printLiteral(
  literal: Literal,
  names: PrintNames,
  { indent = 0, column = indent }: { readonly indent?: number; readonly column?: number } = {},
): string {
  const line = printOnLine(literal, names);
  if (column + line.length <= WIDTH_MAX) return line;
  const inner = " ".repeat(indent + 2);
  const printBelow = (value: Literal, taken: number): string =>
    printLiteral(value, names, { indent: indent + 2, column: indent + 3 + taken });
  if (literal.kind === "array" && literal.items.length > 0 && constantOf(literal, names) === undefined) {
    const pieces = piecesOf(literal.items, names);
    if (pieces.length === 1 && pieces[0]?.series !== undefined) return pieces[0].series;
    const items = pieces.flatMap(({ series, items: plain }) =>
      series === undefined ? plain.map((item) => printBelow(item, 0)) : [`...${series}`],
    );
    return `[\n${items.map((item) => `${inner}${item},\n`).join("")}${" ".repeat(indent)}]`;
  }
  if (literal.kind === "object" && literal.members.length > 0 && constantOf(literal, names) === undefined) {
    const members = literal.members.map(({ key, value }) => `${inner}${key}: ${printBelow(value, key.length + 2)},\n`);
    return `{\n${members.join("")}${" ".repeat(indent)}}`;
  }
  return line;
}

/** The value as code on one line. */
export function printOnLine(literal: Literal, names: PrintNames): string {
  switch (literal.kind) {
    case "code":
      return literal.text;
    case "number":
      return Object.is(literal.value, -0) ? "-0" : String(literal.value);
    case "text":
      return printText(literal.parts, names);
    case "step":
      return printStep(literal.step);
    case "reference":
      return names.reference(literal.reference);
    default:
      return constantOf(literal, names) ?? printWhole(literal, names);
  }
}

function constantOf(literal: Literal, names: PrintNames): string | undefined {
  return names.constant?.(printWhole(literal, { reference: (reference) => names.reference(reference) }));
}

function printWhole(literal: Literal, names: PrintNames): string {
  if (literal.kind === "array") {
    const pieces = piecesOf(literal.items, names);
    if (pieces.length === 1 && pieces[0]?.series !== undefined) return pieces[0].series;
    const items = pieces.flatMap(({ series, items: plain }) =>
      series === undefined ? plain.map((item) => printOnLine(item, names)) : [`...${series}`],
    );
    return `[${items.join(", ")}]`;
  }
  if (literal.kind !== "object") return printOnLine(literal, names);
  if (literal.members.length === 0) return "{}";
  return `{ ${literal.members.map(({ key, value }) => printMember(key, printOnLine(value, names))).join(", ")} }`;
}

function printMember(key: string, value: string): string {
  return key === value ? key : `${key}: ${value}`;
}

/** A series as code, or items that are none. */
interface ArrayPiece {
  readonly series?: string;
  readonly items: readonly Literal[];
}

/** A series that the array begins with, and the rest. */
function piecesOf(items: readonly Literal[], names: PrintNames): readonly ArrayPiece[] {
  const length = seriesLength(items);
  if (length < SERIES_MIN) return [{ items }];
  const pattern = seriesOf(items.slice(0, length));
  if (pattern === undefined) return [{ items }];
  const item = printOnLine(pattern, names);
  const body = item.startsWith("{") ? `(${item})` : item;
  const series = `Array.from({ length: ${length} }, ${/\bn\b/.test(item) ? "(_, n)" : "()"} => ${body})`;
  const rest = items.slice(length);
  return rest.length === 0 ? [{ series, items: [] }] : [{ series, items: [] }, { items: rest }];
}

function printStep({ base }: Step): string {
  if (base === 0) return "n";
  return base < 0 ? `n - ${-base}` : `n + ${base}`;
}

function printText(parts: readonly TextPart[], names: PrintNames): string {
  const [only, ...others] = parts;
  if (others.length === 0 && only !== undefined && typeof only === "object" && !isStep(only)) {
    return names.reference(only);
  }
  if (parts.every((part) => typeof part === "string")) return printPlainText(parts.join(""));
  const pieces = parts.map((part) => {
    if (typeof part === "string") return templateText(part);
    return `\${${isStep(part) ? printStep(part) : names.reference(part)}}`;
  });
  return `\`${pieces.join("")}\``;
}

function templateText(text: string): string {
  const { before, repeated, behind } = longRunOf(text);
  if (repeated !== undefined) return `${templateText(before)}\${${repeated}}${templateText(behind)}`;
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("`", "\\`").replaceAll("${", "\\${");
}

/** A text in quotes; what repeats itself in it by `repeat`. */
function printPlainText(text: string): string {
  const { before, repeated, behind } = longRunOf(text);
  if (repeated === undefined) return JSON.stringify(text);
  const pieces = [before && JSON.stringify(before), repeated, behind && JSON.stringify(behind)];
  return pieces.filter((piece) => piece !== "").join(" + ");
}

/** The first long run of one or few characters, as code, and what is around it. */
function longRunOf(text: string): { readonly before: string; readonly repeated?: string; readonly behind: string } {
  const match = text.length < LONG_TEXT_MIN ? null : (/(.)\1{63,}/s.exec(text) ?? /(.{2,8}?)\1{31,}/s.exec(text));
  const [run, unit] = match ?? [];
  if (match === null || run === undefined || unit === undefined) return { before: text, behind: "" };
  const repeated = `${JSON.stringify(unit)}.repeat(${run.length / unit.length})`;
  return { before: text.slice(0, match.index), repeated, behind: text.slice(match.index + run.length) };
}
