/**
 * The building blocks that the protocol's schemas are made of. Each carries what the JSON Schema, the reference
 * page and the texts of refusals need: a name (`id`), a description, and for whole numbers the width that the
 * peer's own schema states as `format`. Nothing here transforms: what was sent is what a handler gets, without
 * the members that nobody knows.
 *
 * Schemas are made when they are first asked for (`once`), so that a server answers `initialize` before it has
 * built the schemas of methods that nobody has called.
 */
import { z } from "zod";

import type { Json } from "../../events/index.ts";

/** The members of an object, as zod takes them. */
export type Shape = Readonly<Record<string, z.ZodType>>;

/** Whole numbers of a width: the JSON Schema's `format`, the name in refusals, and the bounds. */
export const WIDTHS = Object.freeze({
  uint32: Object.freeze({ name: "u32", min: 0, max: 4_294_967_295 }),
  uint: Object.freeze({ name: "usize", min: 0, max: Number.MAX_SAFE_INTEGER }),
  int32: Object.freeze({ name: "i32", min: -2_147_483_648, max: 2_147_483_647 }),
  int64: Object.freeze({ name: "i64", min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
});

/** What refusals say of a schema, where its kind alone does not tell. */
interface RefusalWords {
  /** Kinds told apart by a bare word or by an object with one member, as `"never"` or `{granular: …}`. */
  readonly variants?: readonly string[];
  /** What the peer calls the type, where that is not the schema's `id`. */
  readonly name?: string;
  /** What is expected, where "a string" would be said. */
  readonly expected?: string;
}

/** What refusals say of a schema. Kept beside the schemas, for none of it belongs into the JSON Schema. */
export const refusalWords = z.registry<RefusalWords>();

/** A width of whole numbers. */
export type Width = keyof typeof WIDTHS;

/** Makes a value when it is first asked for, and gives the same one ever after. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** An object with a name of its own; members it does not list are dropped. */
export function struct<S extends Shape>(id: string, description: string, shape: S): z.ZodObject<S> {
  return z.object(shape).meta({ id, description });
}

/** An object within another, without a name. */
export function part<S extends Shape>(shape: S): z.ZodObject<S> {
  return z.object(shape);
}

/** One of some words. */
export function words<const W extends readonly [string, ...string[]]>(
  id: string,
  description: string,
  values: W,
): z.ZodType<W[number]> {
  return z.enum(values).meta({ id, description });
}

/** Objects of several kinds, told apart by their `type`. */
export function kinds<O extends readonly [z.ZodObject, ...z.ZodObject[]]>(
  id: string,
  description: string,
  options: O,
): z.ZodDiscriminatedUnion<O> {
  return z.discriminatedUnion("type", options).meta({ id, description });
}

/** A list. Its type is read-only, so that what the events room shows can be answered as it is. */
export function list<S extends z.ZodType>(item: S): z.ZodType<readonly z.output<S>[]> {
  return z.array(item);
}

/** An object whose members have names of the sender's own. */
export function dictionary<S extends z.ZodType>(item: S): z.ZodType<Readonly<Record<string, z.output<S>>>> {
  return z.record(z.string(), item);
}

/** Any JSON at all. */
export function json(): z.ZodType<Json> {
  return z.any();
}

/** A text that names a file or a folder. */
export function path(): z.ZodString {
  return z.string().register(refusalWords, { expected: "path string" });
}

/** No params: absent, null or without members. */
export function unit(): z.ZodType<Readonly<Record<string, never>> | null | undefined> {
  return z.strictObject({}).nullish();
}

/** A whole number of a width. */
export function whole(width: Width): z.ZodType<number> {
  const { min, max } = WIDTHS[width];
  return z.int().min(min).max(max).meta({ format: width });
}

/** A whole number that the peer counts in 32 bits: page sizes, counts. */
export function u32(): z.ZodType<number> {
  return whole("uint32");
}

/** A whole number: times, durations, ordinals, tokens. */
export function int(): z.ZodType<number> {
  return whole("int64");
}

/** No members at all. */
export function nothing(id: string): z.ZodType<Readonly<Record<string, never>>> {
  return struct(id, "No members.", {});
}
