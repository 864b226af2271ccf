/**
 * Values as code. A value is copied into a tree at the moment it is seen (who passed it may change it later), and
 * printed when it is known what the things it refers to are called: an id that a store answered becomes the
 * variable that holds the answer, because the next run answers another one.
 *
 * Exact for plain data, dates, bytes and the odd numbers. What has no literal (a function, a class's instance, a
 * getter) is written as what it was called, in a comment: bad calls may hand over anything.
 */
import type { Literal, LiteralMember, Reference, TextPart } from "./literal-tree.ts";

/** What a value in a tree may stand for. Members are asked with the key they stand under. */
export interface ReferenceLookup {
  /** The parts of a text of which some was answered before; undefined: it is a text of its own. */
  text(value: string, key: string): readonly TextPart[] | undefined;
  object(value: object): Reference | undefined;
  /** What an object is called that the code has a name for. */
  code?(value: object): string | undefined;
}

const DEPTH_MAX = 60;

/** Copies a value. Never throws, and calls no getter. */
export function toLiteral(value: unknown, lookup: ReferenceLookup): Literal {
  return copy(value, { lookup, key: "", parents: [] });
}

interface Copying {
  readonly lookup: ReferenceLookup;
  readonly key: string;
  readonly parents: readonly object[];
}

function copy(value: unknown, at: Copying): Literal {
  if (typeof value === "string") return { kind: "text", parts: at.lookup.text(value, at.key) ?? [value] };
  if (typeof value === "number") return { kind: "number", value };
  if (typeof value === "bigint") return code(`${value}n`);
  if (typeof value === "symbol") return code(`Symbol(${JSON.stringify(value.description ?? "")})`);
  if (typeof value === "function") return code(`(() => {}) /* a function */`);
  if (typeof value !== "object" || value === null) return code(String(value));
  try {
    return copyObject(value, at);
  } catch {
    // A proxy may refuse to be looked at; that is all there is to say of it.
    return code("{} /* an object that can't be looked at */");
  }
}

function copyObject(value: object, at: Copying): Literal {
  const reference = at.lookup.object(value);
  if (reference !== undefined) return { kind: "reference", reference };
  const named = at.lookup.code?.(value);
  if (named !== undefined) return code(named);
  if (at.parents.includes(value)) return code("{} /* itself again */");
  if (at.parents.length >= DEPTH_MAX) return code("{} /* deeper than this goes */");
  const below = (key: string): Copying => ({ lookup: at.lookup, key, parents: [...at.parents, value] });
  if (Array.isArray(value)) return { kind: "array", items: copyItems(value, below(at.key)) };
  if (value instanceof Date) return code(`new Date(${value.getTime()})`);
  if (value instanceof Uint8Array) return code(`Uint8Array.of(${value.join(", ")})`);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) return code(`{} /* ${nameOf(prototype)} */`);
  const members = membersOf(value, below);
  if (prototype === null) return { kind: "object", members: [{ key: "__proto__", value: code("null") }, ...members] };
  return { kind: "object", members };
}

/** Holes and getters of an array are written as undefined. */
function copyItems(items: readonly unknown[], at: Copying): readonly Literal[] {
  return Array.from({ length: items.length }, (_, index) => {
    const property = Object.getOwnPropertyDescriptor(items, index);
    return copy(property?.value, at);
  });
}

function membersOf(value: object, below: (key: string) => Copying): readonly LiteralMember[] {
  return Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([key, property]) => {
    if (property.enumerable !== true) return [];
    const isGetter = property.get !== undefined || property.set !== undefined;
    const member = isGetter ? code("undefined /* a getter */") : copy(property.value, below(key));
    return [{ key: key === "__proto__" ? '["__proto__"]' : keyText(key), value: member }];
  });
}

function code(text: string): Literal {
  return { kind: "code", text };
}

function keyText(key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key);
}

function nameOf(prototype: unknown): string {
  if (typeof prototype !== "object" || prototype === null) return "an object";
  const maker: unknown = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
  return typeof maker === "function" && maker.name !== "" ? `a ${maker.name}` : "an object";
}
