/**
 * The building blocks that the protocol's schemas are made of. Each carries what the JSON Schema, the reference
 * page and the texts of refusals need: a name (`id`), a description, and for whole numbers the width that the
 * peer's own schema states as `format`. Nothing here transforms: what was sent is what a handler gets, without
 * the members that nobody knows.
 */
import { z } from "zod";

import type { Json } from "../../events/index.ts";
import { refusalWords } from "./refusal-words.ts";

/** The members of an object, as zod takes them. */
export type Shape = Readonly<Record<string, z.ZodType>>;

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

/** No members at all. */
export function nothing(id: string): z.ZodType<Readonly<Record<string, never>>> {
  return struct(id, "No members.", {});
}
