/**
 * Why params were refused, in the words of the peer's deserialiser: clients show these texts, and some look at
 * them. A walk over a schema and a value that failed it, which finds what the peer would have stumbled over first:
 * members in the order in which they were sent, and those that are missing after them.
 *
 * It is only called for what a schema has refused, so it costs nothing where all is well.
 */
import { z } from "zod";

import { refusalWords } from "./refusal-words.ts";
import { type Width, WIDTHS } from "./whole-numbers.ts";

/** What is wrong with a value, or undefined where nothing is. */
export function refusalText(schema: z.core.$ZodType, value: unknown): string | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional)
    return value === undefined ? undefined : refusalText(schema.unwrap(), value);
  if (schema instanceof z.ZodNullable) return value === null ? undefined : refusalText(schema.unwrap(), value);
  if (schema instanceof z.ZodObject) return objectText(schema, value);
  if (schema instanceof z.ZodArray) return arrayText(schema, value);
  if (schema instanceof z.ZodRecord) return recordText(schema, value);
  if (schema instanceof z.ZodDiscriminatedUnion) return kindsText(schema, value);
  if (schema instanceof z.ZodUnion) return unionText(schema, value);
  if (schema instanceof z.ZodEnum) return variantText(schema.options.map(String), value);
  return plainText(schema, value);
}

function plainText(schema: z.core.$ZodType, value: unknown): string | undefined {
  if (schema instanceof z.ZodString && typeof value !== "string") {
    return typeText(value, refusalWords.get(schema)?.expected ?? "a string");
  }
  if (schema instanceof z.ZodBoolean) return typeof value === "boolean" ? undefined : typeText(value, "a boolean");
  if (schema instanceof z.ZodNumber) return numberText(schema, value);
  return checkText(schema, value);
}

/** What the schema itself says, for bounds that the peer does not have. */
function checkText(schema: z.core.$ZodType, value: unknown): string | undefined {
  const parsed = z.safeParse(schema, value);
  return parsed.success ? undefined : parsed.error.issues[0]?.message;
}

function objectText(schema: z.ZodObject, value: unknown): string | undefined {
  if (schema.def.catchall instanceof z.ZodNever) return typeText(value, "unit");
  const name = `struct ${nameOf(schema)}`;
  if (Array.isArray(value)) return placesText(Object.values(schema.shape), value, name);
  if (!isObject(value)) return typeText(value, name);
  for (const [member, given] of Object.entries(value)) {
    const known = Object.hasOwn(schema.shape, member) ? schema.shape[member] : undefined;
    const text = known === undefined ? undefined : refusalText(known, given);
    if (text !== undefined) return text;
  }
  const missing = Object.entries(schema.shape).find(([member, wanted]) => {
    return !Object.hasOwn(value, member) && !takesNothing(wanted);
  });
  return missing === undefined ? undefined : `missing field \`${missing[0]}\``;
}

/** A list in the place of an object: the peer takes its values for members. Here it is refused, with its words. */
function placesText(shape: readonly z.core.$ZodType[], values: readonly unknown[], name: string): string {
  const wrong = shape.slice(0, values.length).map((member, at) => refusalText(member, values[at]));
  const elements = `${shape.length} element${shape.length === 1 ? "" : "s"}`;
  const expected = values.length > shape.length ? `${elements} in sequence` : `${name} with ${elements}`;
  return wrong.find((text) => text !== undefined) ?? `invalid length ${values.length}, expected ${expected}`;
}

function takesNothing(schema: z.core.$ZodType): boolean {
  return schema._zod.optin === "optional";
}

function arrayText(schema: z.ZodArray, value: unknown): string | undefined {
  if (!Array.isArray(value)) return typeText(value, "a sequence");
  for (const item of value) {
    const text = refusalText(schema.element, item);
    if (text !== undefined) return text;
  }
  return undefined;
}

function recordText(schema: z.ZodRecord, value: unknown): string | undefined {
  if (!isObject(value)) return typeText(value, "a map");
  for (const item of Object.values(value)) {
    const text = refusalText(schema.valueType, item);
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Objects told apart by their `type`. */
function kindsText(schema: z.ZodDiscriminatedUnion, value: unknown): string | undefined {
  if (Array.isArray(value) && value.length === 0) return "missing field `type`";
  if (!isObject(value)) return typeText(value, `internally tagged enum ${nameOf(schema)}`);
  const options = schema.options.filter((option) => option instanceof z.ZodObject);
  const names = options.map((option) => String(literalOf(option)));
  if (!Object.hasOwn(value, "type")) return "missing field `type`";
  const { type } = value;
  if (isInteger(type) && type >= 0) {
    return `invalid value: ${unexpected(type)}, expected variant index 0 <= i < ${options.length}`;
  }
  if (typeof type !== "string") return typeText(type, "variant identifier");
  const option = options[names.indexOf(type)];
  return option === undefined ? variantText(names, type) : objectText(option, value);
}

function literalOf(option: z.ZodObject): unknown {
  const { type } = option.shape;
  return type instanceof z.ZodLiteral ? type.value : undefined;
}

function unionText(schema: z.ZodUnion, value: unknown): string | undefined {
  const variants = refusalWords.get(schema)?.variants;
  if (variants === undefined) return `data did not match any variant of untagged enum ${nameOf(schema)}`;
  const variant = singleMember(value);
  if (variant === undefined || !variants.includes(variant)) return variantText(variants, value);
  const objects = schema.options.filter((option) => option instanceof z.ZodObject);
  const chosen = objects.find((option) => Object.hasOwn(option.shape, variant));
  return chosen === undefined ? variantText(variants, value) : objectText(chosen, value);
}

/** One word of several. */
function variantText(variants: readonly string[], value: unknown): string | undefined {
  if (typeof value === "string" && variants.includes(value)) return undefined;
  const variant = typeof value === "string" ? value : singleMember(value);
  if (variant === undefined) {
    if (isObject(value)) return "invalid value: map, expected map with a single key";
    return typeText(value, "string or map");
  }
  if (isObject(value) && variants.includes(variant)) return typeText(value[variant], "unit");
  const quoted = variants.map((one) => `\`${one}\``);
  const expected = quoted.length < 3 ? quoted.join(" or ") : `one of ${quoted.join(", ")}`;
  return `unknown variant \`${variant}\`, expected ${expected}`;
}

/** The name of an object's only member. */
function singleMember(value: unknown): string | undefined {
  const names = isObject(value) ? Object.keys(value) : [];
  return names.length === 1 ? names[0] : undefined;
}

function numberText(schema: z.ZodNumber, value: unknown): string | undefined {
  const format = schema.meta()?.["format"];
  if (!isWidth(format)) return typeof value === "number" ? checkText(schema, value) : typeText(value, "a number");
  const { name } = WIDTHS[format];
  if (!isInteger(value)) return typeText(value, name);
  return schema.safeParse(value).success ? undefined : `invalid value: ${unexpected(value)}, expected ${name}`;
}

function isWidth(format: unknown): format is Width {
  return typeof format === "string" && Object.hasOwn(WIDTHS, format);
}

function typeText(value: unknown, expected: string): string {
  return `invalid type: ${unexpected(value)}, expected ${expected}`;
}

/** What a value is, as the peer says it. */
function unexpected(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "boolean") return `boolean \`${value}\``;
  if (typeof value === "string") return `string ${debugText(value)}`;
  if (isInteger(value)) return `integer \`${BigInt(value)}\``;
  if (typeof value === "number") return `floating point \`${value}\``;
  return Array.isArray(value) ? "sequence" : "map";
}

/** Whole numbers that 64 bits hold are integers to the peer. `1.0` is one here: JSON.parse makes no difference. */
function isInteger(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= -(2 ** 63) && value < 2 ** 64;
}

/** A text in quotes, escaped as the peer does it. */
function debugText(text: string): string {
  const escapes: Readonly<Record<string, string>> = {
    '"': '\\"',
    "\\": "\\\\",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\0": "\\0",
  };
  const escaped = text.replace(/["\\\u0000-\u001f\u007f]/gu, (char) => {
    return escapes[char] ?? `\\u{${char.charCodeAt(0).toString(16)}}`;
  });
  return `"${escaped}"`;
}

function nameOf(schema: z.ZodType): string {
  const { id } = schema.meta() ?? {};
  return refusalWords.get(schema)?.name ?? (typeof id === "string" ? id : "object");
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
