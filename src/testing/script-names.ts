/**
 * What things are called in a script: the variables that hold answers which later calls need, the promises of
 * calls in flight, the records of subscriptions, and items that are long and used again.
 * Only what something refers to gets a name, so that a short script has few.
 */
import { printLiteral, printOnLine, type PrintNames } from "./literal-printer.ts";
import { type Literal, type Reference, referencesIn } from "./literal-tree.ts";
import {
  type CallTarget,
  handleName,
  type ListenerMoment,
  placeName,
  type RecordedCall,
  type RecordedMoment,
} from "./recorded-call.ts";

/** The names of one script. */
export interface ScriptNames extends PrintNames {
  /** Declarations that come first: items that are used more than once. */
  readonly constants: readonly string[];
  /** Awaits what listeners began. */
  readonly listenersEnd: readonly string[];
  /** What holds the call's answer; undefined when nothing asks for it. */
  variable(call: RecordedCall): string | undefined;
  /** What holds the promise of a call in flight. */
  inFlight(call: RecordedCall): string;
  /** The call itself, without what is made of its answer. */
  expression(call: RecordedCall, indent?: number): string;
  /** A subscription, with what its listener does. */
  subscription(call: RecordedCall): readonly string[];
  /** The index of the place that is made next. */
  nextPlace(): number;
}

/** What holds an answer, by the method that gave it. */
const ANSWER_WORDS: Readonly<Record<string, string>> = {
  createThread: "thread",
  resumeThread: "resumed",
  appendItems: "appended",
  loadHistory: "history",
  loadWindow: "window",
  listThreads: "threads",
  searchThreads: "found",
  listTurns: "turns",
  listItems: "items",
  readThread: "read",
  readThreadByRolloutPath: "read",
  updateThreadMetadata: "updated",
};
const CONSTANT_LENGTH_MIN = 80;
/** Of answers, these may be null; a call that takes them takes none. */
const NULLABLE: ReadonlySet<string | number> = new Set(["nextCursor", "backwardsCursor", "hint", "path"]);

type CallMoment = Extract<RecordedMoment, { readonly kind: "begin" }>;

/** Names what a recording needs names for. */
export function nameAnswers(moments: readonly RecordedMoment[]): ScriptNames {
  const calls = moments.filter((moment): moment is CallMoment => moment.kind === "begin").map(({ call }) => call);
  const variables = variablesOf(calls);
  const inFlight = new Map<RecordedCall, string>();
  const subscriptions = calls.filter((call) => call.method === "subscribe" && call.isSync);
  const subscriptionNumber = (call: number): number =>
    subscriptions.findIndex((subscription) => subscription.number === call) + 1;
  const { constantNames, constants } = constantsOf(calls);
  let places = 0;

  const names: ScriptNames = {
    constants,
    listenersEnd: subscriptions
      .filter((call) => calls.some(({ within }) => within?.subscription === call.number))
      .map((call) => `await Promise.all(called${subscriptionNumber(call.number)});`),
    constant: (text) => constantNames.get(text),
    reference: (reference) => referenceText(reference, variables),
    variable: (call) => variables.get(call.number),
    inFlight(call) {
      const known = inFlight.get(call) ?? `call${inFlight.size + 1}`;
      inFlight.set(call, known);
      return known;
    },
    expression: (call, indent = 0) => expressionOf(call, { names, indent, subscriptionNumber }),
    subscription: (call) => subscriptionTexts(call, { number: subscriptionNumber(call.number), names, moments, calls }),
    nextPlace: () => (places += 1) - 1,
  };
  return names;
}

/** A variable for every answer that something refers to, and for every handle. */
function variablesOf(calls: readonly RecordedCall[]): ReadonlyMap<number, string> {
  const asked = new Set(calls.flatMap((call) => call.args.flatMap(referencesIn)).map(({ call }) => call));
  const counts = new Map<string, number>();
  const variables = new Map<number, string>();
  for (const { number, method, outcome } of calls) {
    if (outcome.kind === "answered" && outcome.handle !== undefined) variables.set(number, handleName(outcome.handle));
    else if (asked.has(number)) {
      const word = ANSWER_WORDS[method] ?? "answer";
      const count = (counts.get(word) ?? 0) + 1;
      counts.set(word, count);
      variables.set(number, `${word}${count}`);
    }
  }
  return variables;
}

function referenceText({ call, path }: Reference, variables: ReadonlyMap<number, string>): string {
  const begin = call === "event" ? "event" : (variables.get(call) ?? "answer");
  let mayMiss = false;
  let text = begin;
  for (const key of path) {
    const dot = mayMiss ? "?." : "";
    text += typeof key === "number" ? `${dot}[${key}]` : `${dot === "" ? "." : dot}${key}`;
    mayMiss = typeof key === "number";
  }
  const isNullable = path.some((key) => typeof key === "number") || NULLABLE.has(path.at(-1) ?? "");
  return isNullable ? `${text} ?? ""` : text;
}

/** Items that are long and used again, and their declarations: whole lists of them, and single ones. */
function constantsOf(calls: readonly RecordedCall[]): {
  readonly constantNames: ReadonlyMap<string, string>;
  readonly constants: readonly string[];
} {
  const constantNames = new Map<string, string>();
  const constants: string[] = [];
  const declare = (word: string, type: string, literals: readonly Literal[]): void => {
    let count = 0;
    for (const [text, literal] of usedAgain(literals)) {
      const name = `${word}${(count += 1)}`;
      const head = `const ${name}: ${type} = `;
      constants.push(`${head}${printLiteral(literal, { reference: () => "" }, { column: head.length })};`);
      constantNames.set(text, name);
    }
  };
  const lists = calls.flatMap((call) => call.args.flatMap(itemListsIn));
  declare("items", "AppendableItem[]", lists);
  const written = lists.filter((list) => !constantNames.has(constantText(list)));
  declare(
    "item",
    "AppendableItem",
    written.flatMap((list) => (list.kind === "array" ? list.items : [])),
  );
  return { constantNames, constants };
}

function usedAgain(literals: readonly Literal[]): ReadonlyMap<string, Literal> {
  const seen = new Set<string>();
  const again = new Map<string, Literal>();
  for (const literal of literals) {
    const text = constantText(literal);
    if (text.length < CONSTANT_LENGTH_MIN || referencesIn(literal).length > 0) continue;
    if (seen.has(text)) again.set(text, literal);
    seen.add(text);
  }
  return again;
}

function constantText(literal: Literal): string {
  return printOnLine(literal, { reference: () => "" });
}

/** The arrays under `items`. */
function itemListsIn(literal: Literal): readonly Literal[] {
  if (literal.kind !== "object") return [];
  return literal.members.flatMap(({ key, value }) => (key === "items" && value.kind === "array" ? [value] : []));
}

function expressionOf(
  call: RecordedCall,
  at: {
    readonly names: ScriptNames;
    readonly indent: number;
    readonly subscriptionNumber: (call: number) => number;
  },
): string {
  const { names, indent, subscriptionNumber } = at;
  if (call.target.kind === "subscription") return `unsubscribe${subscriptionNumber(call.target.call)}()`;
  const callee = `${targetName(call.target)}.${call.method}`;
  // The compiler would refuse what the store is asked to refuse.
  const { outcome } = call;
  const cast = outcome.kind === "refused" && /^(invalid_|empty_)/.test(outcome.error.code ?? "") ? " as never" : "";
  const column = indent + callee.length + "const variable = await ".length;
  const args = call.args.map((arg) => `${printLiteral(arg, names, { indent, column })}${cast}`);
  return `${callee}(${args.join(", ")})`;
}

function targetName(target: CallTarget): string {
  if (target.kind === "place") return placeName(target.index);
  return target.kind === "handle" ? handleName(target.index) : "";
}

interface Subscribing {
  readonly number: number;
  readonly names: ScriptNames;
  readonly moments: readonly RecordedMoment[];
  readonly calls: readonly RecordedCall[];
}

/** The subscription: its listener keeps what it is told, and calls and throws what the law's did. */
function subscriptionTexts(call: RecordedCall, { number, names, moments, calls }: Subscribing): readonly string[] {
  const isHere = (at: ListenerMoment | undefined): at is ListenerMoment => at?.subscription === call.number;
  const made = calls.filter(({ within }) => isHere(within));
  const thrown = moments.flatMap((moment) => (moment.kind === "thrown" && isHere(moment.at) ? [moment] : []));
  const isLeft = calls.some(({ target }) => target.kind === "subscription" && target.call === call.number);
  const leave = isLeft ? `const unsubscribe${number} = ` : "";
  const told = `const told${number}: StoreEvent[] = [];`;
  const subscribe = `${leave}${targetName(call.target)}.subscribe((event) =>`;
  if (made.length === 0 && thrown.length === 0) return [told, `${subscribe} void told${number}.push(event));`];
  return [
    told,
    ...(made.length === 0 ? [] : [`const called${number}: Promise<unknown>[] = [];`]),
    `${subscribe} {`,
    `  const nth = told${number}.push(event);`,
    ...made.map((inner) => `  if (nth === ${inner.within?.nth}) ${listenerCall(inner, number, names)};`),
    ...thrown.map(({ at, message }) => `  if (nth === ${at.nth}) throw new Error(${JSON.stringify(message)});`),
    "});",
  ];
}

function listenerCall(call: RecordedCall, number: number, names: ScriptNames): string {
  const expression = names.expression(call, 2);
  if (call.isSync) return expression;
  const { outcome } = call;
  if (outcome.kind === "pending") return `void ${expression}.catch(() => {})`;
  if (outcome.kind === "answered") return `called${number}.push(${expression})`;
  const { code, name } = outcome.error;
  const mark = code === undefined ? { name } : { code };
  return `called${number}.push(rejects(${expression}, ${JSON.stringify(mark)}))`;
}
