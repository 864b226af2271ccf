/**
 * Remembers where values were answered that the next run will answer otherwise: ids, writers, cursors, hints and
 * paths. A later argument that holds one is written as the variable that holds the answer.
 */
import type { ReferenceLookup } from "./code-literal.ts";
import type { Reference, TextPart } from "./literal-tree.ts";

/** What was answered until now. */
export interface AnsweredValues extends ReferenceLookup {
  /** Looks through the answer of a call. */
  learn(call: number, answer: unknown): void;
  /** The same, while a listener is told this event: its own ids go before what was answered earlier. */
  during(event: unknown): ReferenceLookup;
}

/** Members whose texts a store makes up. */
const OWN_TEXTS: ReadonlySet<string> = new Set([
  "threadId",
  "id",
  "turnId",
  "nextCursor",
  "backwardsCursor",
  "hint",
  "path",
  "forkedFromId",
]);
/** Members that take such texts, however short these are. */
const TAKING: ReadonlySet<string> = new Set(["cursor", "hint", "threadId", "rolloutPath"]);
const DISTINCT_LENGTH_MIN = 8;
const DEPTH_MAX = 6;
const VALUES_MAX = 20_000;

/** Starts with nothing. */
export function createAnsweredValues(): AnsweredValues {
  const texts = new Map<string, Reference>();
  const objects = new WeakMap<object, Reference>();
  /** Texts that an argument brought in: they are the example's own, also when an answer repeats them. */
  const brought = new Set<string>();

  const lookup: ReferenceLookup = {
    object: (value) => objects.get(value),
    text(value, key) {
      const parts = partsOf(value, key, texts);
      if (parts === undefined) brought.add(value);
      return parts;
    },
  };
  return {
    ...lookup,
    learn(call, answer) {
      for (const { value, key, path } of valuesIn(answer)) {
        if (typeof value === "object" && key === "writer") objects.set(value, { call, path });
        if (typeof value !== "string" || !OWN_TEXTS.has(key) || brought.has(value) || texts.has(value)) continue;
        texts.set(value, { call, path });
      }
    },
    during(event) {
      const told = new Map(texts);
      for (const { value, key, path } of valuesIn(event)) {
        if (typeof value === "string" && key === "threadId") told.set(value, { call: "event", path });
      }
      return { object: () => undefined, text: (value, key) => partsOf(value, key, told) };
    },
  };
}

function partsOf(value: string, key: string, texts: ReadonlyMap<string, Reference>): readonly TextPart[] | undefined {
  const whole = texts.get(value);
  if (whole !== undefined && (value.length >= DISTINCT_LENGTH_MIN || TAKING.has(key))) return [whole];
  for (const [text, reference] of texts) {
    const at = text.length < DISTINCT_LENGTH_MIN ? -1 : value.indexOf(text);
    if (at < 0) continue;
    return [value.slice(0, at), reference, value.slice(at + text.length)].filter((part) => part !== "");
  }
  return undefined;
}

interface FoundValue {
  readonly value: string | object;
  readonly key: string;
  readonly path: readonly (string | number)[];
}

/** Texts and objects below a value, breadth first, as many as are worth a look. */
function valuesIn(root: unknown): readonly FoundValue[] {
  const found: FoundValue[] = [];
  const queue: { readonly value: unknown; readonly key: string; readonly path: readonly (string | number)[] }[] = [
    { value: root, key: "", path: [] },
  ];
  for (const { value, key, path } of queue) {
    if (typeof value === "string") found.push({ value, key, path });
    if (typeof value !== "object" || value === null) continue;
    found.push({ value, key, path });
    if (path.length >= DEPTH_MAX || queue.length >= VALUES_MAX) continue;
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) queue.push({ value: item, key, path: [...path, index] });
    } else {
      for (const [name, member] of Object.entries(value))
        queue.push({ value: member, key: name, path: [...path, name] });
    }
  }
  return found;
}
