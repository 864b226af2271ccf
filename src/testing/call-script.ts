/**
 * Tells a recording as the body of a test: calls one after another as they were made; those that were in flight
 * together are begun first and awaited in the order they settled; refusals are awaited as refusals. In the end a
 * comment says what the law said to it all.
 *
 * The body runs where `fixture` is the store's; what else it needs is imported by failure-test.ts.
 */
import { AssertionError } from "node:assert";

import { toLiteral } from "./code-literal.ts";
import { errorMark } from "./error-text.ts";
import { printOnLine } from "./literal-printer.ts";
import { seriesLength, seriesOf } from "./literal-series.ts";
import type { Literal } from "./literal-tree.ts";
import { clockName, placeName, type RecordedCall, type RecordedMoment } from "./recorded-call.ts";
import { nameAnswers, type ScriptNames } from "./script-names.ts";

/** Calls that many times one after another are worth a loop. */
const LOOP_MIN = 4;
const LINE_MAX = 110;
const VALUE_TEXT_MAX = 400;

/** The body, without indentation. `error` is what the law rejected with. */
export function scriptOf(moments: readonly RecordedMoment[], error?: unknown): string {
  const names = nameAnswers(moments);
  // What listeners do stands where they subscribe.
  const plain = moments.filter((moment) => !isListeners(moment));
  const cleaning = cleaningFrom(plain);
  const lines: string[] = [];
  const flights = flightsOf(plain, names);
  for (let at = 0; at < plain.length;) {
    if (at === cleaning) lines.push(...closingLines(names, error));
    const { text, taken } = flights.get(at) ?? statementAt(plain, at, names);
    lines.push(...text);
    at += taken;
  }
  if (cleaning === plain.length) lines.push(...closingLines(names, error));
  return [...names.constants, ...lines].join("\n");
}

function isListeners(moment: RecordedMoment): boolean {
  if (moment.kind === "thrown") return true;
  return (moment.kind === "begin" || moment.kind === "end") && moment.call.within !== undefined;
}

/** Where handles are closed and the place is disposed of, and nothing else comes any more. */
function cleaningFrom(moments: readonly RecordedMoment[]): number {
  const last = moments.findLastIndex(
    (moment) => moment.kind === "begin" && moment.call.method !== "close" && moment.call.method !== "dispose",
  );
  const next = moments.findIndex((moment, index) => index > last && moment.kind === "begin");
  return next < 0 ? moments.length : next;
}

interface Statement {
  readonly text: readonly string[];
  /** Moments that it tells. */
  readonly taken: number;
}

function statementAt(moments: readonly RecordedMoment[], at: number, names: ScriptNames): Statement {
  const moment = moments[at];
  switch (moment?.kind) {
    case "place":
      return { text: [`const ${placeName(names.nextPlace())} = await fixture();`], taken: 1 };
    case "clock":
      return { text: [clockText(moment)], taken: 1 };
    case "moved":
      return { text: movedTexts(moment), taken: 1 };
    case "begin": {
      const loop = loopAt(moments, at, names);
      if (loop !== undefined) return loop;
      const isSettledNext = isEndOf(moments[at + 1], moment.call);
      if (isSettledNext) return { text: settledTexts(moment.call, names), taken: 2 };
      return { text: begunTexts(moment.call, names), taken: 1 };
    }
    case "end":
      return { text: endedTexts(moment.call, names), taken: 1 };
    default:
      return { text: [], taken: 1 };
  }
}

function isEndOf(moment: RecordedMoment | undefined, call: RecordedCall): boolean {
  return moment?.kind === "end" && moment.call === call;
}

function clockText({ clock }: Extract<RecordedMoment, { readonly kind: "clock" }>): string {
  const { kind, startMs } = clock;
  const made = kind === "manual" ? `createManualClock({ startMs: ${startMs} })` : `createSettableClock(${startMs})`;
  return `const ${clockName(clock)} = ${made};`;
}

function movedTexts(moment: Extract<RecordedMoment, { readonly kind: "moved" }>): readonly string[] {
  const { clock, wallMs, monotonicMs } = moment;
  if (clock.kind === "settable") return [`${clockName(clock)}.advance(${wallMs});`];
  const jumpMs = wallMs - monotonicMs;
  return [
    ...(monotonicMs === 0 ? [] : [`await ${clockName(clock)}.run(${monotonicMs});`]),
    ...(jumpMs === 0 ? [] : [`${clockName(clock)}.jumpWall(${jumpMs});`]),
  ];
}

/** A call that settled before anything else came. */
function settledTexts(call: RecordedCall, names: ScriptNames): readonly string[] {
  const { outcome } = call;
  if (call.method === "subscribe" && outcome.kind === "answered") return names.subscription(call);
  if (outcome.kind === "refused") return [`${call.isSync ? "" : "await "}${refusalText(call, names)};`];
  const expression = names.expression(call);
  const variable = names.variable(call);
  const call_ = `${variable === undefined ? "" : `const ${variable} = `}${call.isSync ? "" : "await "}${expression};`;
  return [withAnswer(call_, call, names)];
}

/** A call that others were made beside. */
function begunTexts(call: RecordedCall, names: ScriptNames): readonly string[] {
  const pending = names.inFlight(call);
  switch (call.outcome.kind) {
    case "refused":
      // Looked at from the beginning: a refusal that nobody listens to ends the process.
      return [`const ${pending} = ${refusalText(call, names)};`];
    case "pending":
      return [`const ${pending} = ${names.expression(call)}; // did not settle`, `void ${pending}.catch(() => {});`];
    default:
      return [`const ${pending} = ${names.expression(call)};`];
  }
}

function endedTexts(call: RecordedCall, names: ScriptNames): readonly string[] {
  const variable = call.outcome.kind === "answered" ? names.variable(call) : undefined;
  const awaited = `${variable === undefined ? "" : `const ${variable} = `}await ${names.inFlight(call)};`;
  return [withAnswer(awaited, call, names)];
}

function refusalText(call: RecordedCall, names: ScriptNames): string {
  const check = call.isSync ? ["throws(", "() => "] : ["rejects(", ""];
  const line = names.expression(call);
  if (!line.includes("\n")) return `${check.join("")}${line}, ${errorText(call)})`;
  return `${check[0]}\n  ${check[1]}${names.expression(call, 2)},\n  ${errorText(call)},\n)`;
}

function errorText({ outcome }: RecordedCall): string {
  if (outcome.kind !== "refused") return "{}";
  const { code, name } = outcome.error;
  return code === undefined ? `{ name: ${JSON.stringify(name)} }` : `{ code: ${JSON.stringify(code)} }`;
}

/** The statement, with its answer behind it where that is short. */
function withAnswer(statement: string, { outcome }: RecordedCall, names: ScriptNames): string {
  if (outcome.kind !== "answered") return statement;
  const answer = printOnLine(outcome.answer, names);
  const length = statement.length - statement.lastIndexOf("\n");
  if (answer === "" || answer === "undefined" || length + answer.length > LINE_MAX) return statement;
  return `${statement} // ${answer}`;
}

/** Calls of one kind, one after another, of which only a number differs. */
function loopAt(moments: readonly RecordedMoment[], at: number, names: ScriptNames): Statement | undefined {
  const calls: RecordedCall[] = [];
  for (let index = at; index + 1 < moments.length; index += 2) {
    const moment = moments[index];
    if (moment?.kind !== "begin" || !isEndOf(moments[index + 1], moment.call)) break;
    if (!isLooped(moment.call, names) || !isLike(moment.call, calls[0])) break;
    calls.push(moment.call);
  }
  const count = seriesLength(calls.map(argumentsOf));
  const pattern = seriesOf(calls.slice(0, count).map(argumentsOf));
  const [first] = calls;
  if (count < LOOP_MIN || pattern?.kind !== "array" || first === undefined) return undefined;
  const body = `  await ${names.expression({ ...first, args: pattern.items }, 2)};`;
  return { text: [`for (let n = 0; n < ${count}; n += 1) {`, body, "}"], taken: 2 * count };
}

function argumentsOf(call: RecordedCall): Literal {
  return { kind: "array", items: call.args };
}

/** Calls of one kind that were in flight together, and settled one after another: a list of promises. */
function flightsOf(moments: readonly RecordedMoment[], names: ScriptNames): ReadonlyMap<number, Statement> {
  const flights = new Map<number, Statement>();
  const ends = new Map(moments.flatMap((moment, at) => (moment.kind === "end" ? [[moment.call, at] as const] : [])));
  let count = 0;
  for (let at = 0; at < moments.length; at += 1) {
    const calls = begunTogether(moments, at, names);
    const length = seriesLength(calls.map(argumentsOf));
    const group = calls.slice(0, length);
    const [first] = group;
    const pattern = seriesOf(group.map(argumentsOf));
    const settled = group.map((call) => ends.get(call) ?? -1).toSorted((a, b) => a - b);
    const [begin = -1] = settled;
    const isTogether = settled.every((end, index) => end === begin + index);
    if (length < LOOP_MIN || begin < 0 || !isTogether || first === undefined || pattern?.kind !== "array") continue;
    count += 1;
    const expression = names.expression({ ...first, args: pattern.items }, 2);
    const made = [`const calls${count} = Array.from({ length: ${length} }, (_, n) =>`, `  ${expression},`, ");"];
    flights.set(at, { text: made, taken: length });
    flights.set(begin, { text: [`await Promise.all(calls${count});`], taken: length });
    at += length - 1;
  }
  return flights;
}

function begunTogether(moments: readonly RecordedMoment[], from: number, names: ScriptNames): readonly RecordedCall[] {
  const calls: RecordedCall[] = [];
  for (let at = from; at < moments.length; at += 1) {
    const moment = moments[at];
    if (moment?.kind !== "begin" || !isLooped(moment.call, names) || !isLike(moment.call, calls[0])) break;
    if (isEndOf(moments[at + 1], moment.call) && calls.length === 0) break;
    calls.push(moment.call);
  }
  return calls;
}

function isLooped(call: RecordedCall, names: ScriptNames): boolean {
  return call.outcome.kind === "answered" && !call.isSync && names.variable(call) === undefined;
}

function isLike(call: RecordedCall, other: RecordedCall = call): boolean {
  return call.method === other.method && JSON.stringify(call.target) === JSON.stringify(other.target);
}

/** What listeners began is awaited, and what the law said. */
function closingLines(names: ScriptNames, error: unknown): readonly string[] {
  return [...names.listenersEnd, ...(error === undefined ? [] : errorLines(error))];
}

function errorLines(error: unknown): readonly string[] {
  const lines = [`// The law says: ${errorMark(error).message.split("\n")[0] ?? ""}`];
  if (!(error instanceof AssertionError)) return lines;
  const { actual, expected } = error;
  if (actual === undefined && expected === undefined) return lines;
  return [...lines, `//   actual:   ${valueText(actual)}`, `//   expected: ${valueText(expected)}`];
}

function valueText(value: unknown): string {
  const literal = toLiteral(value, { text: () => undefined, object: () => undefined });
  const text = printOnLine(literal, { reference: () => "" });
  return text.length > VALUE_TEXT_MAX ? `${text.slice(0, VALUE_TEXT_MAX)}…` : text;
}
