/**
 * Whole numbers of the widths that the peer's schema states. The width is the JSON Schema's `format`, and refusals
 * name it as the peer does.
 */
import { z } from "zod";

/** Whole numbers of a width: the JSON Schema's `format`, the name in refusals, and the bounds. */
export const WIDTHS = Object.freeze({
  uint32: Object.freeze({ name: "u32", min: 0, max: 4_294_967_295 }),
  uint: Object.freeze({ name: "usize", min: 0, max: Number.MAX_SAFE_INTEGER }),
  int32: Object.freeze({ name: "i32", min: -2_147_483_648, max: 2_147_483_647 }),
  int64: Object.freeze({ name: "i64", min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
});

/** A width of whole numbers. */
export type Width = keyof typeof WIDTHS;

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
