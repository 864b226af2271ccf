/**
 * Members that are there. On the wire an absent member is unset, and so is null where a member may be null; the port
 * tells the two apart only where the messages do (NullableText).
 */
import { create } from "@bufbuild/protobuf";

import { type NullableText, NullableTextSchema } from "./gen/skein/thread_store/v1/thread_store_pb.ts";

/** The members that are there: `undefined` is as good as absent. */
export type Present<Value> = { [Name in keyof Value]: Exclude<Value[Name], undefined> };

/** The members that are there. */
export function present<Value extends object>(members: Value): Partial<Present<Value>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<
    Present<Value>
  >;
}

/** Null is not there on the wire. */
export function given<Value>(value: Value | null | undefined): Value | undefined {
  return value ?? undefined;
}

/** A whole number that may be absent. */
export function numberOf(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** Text that may be null; undefined stays absent. */
export function toNullable(text: string | null | undefined): NullableText | undefined {
  return text === undefined ? undefined : create(NullableTextSchema, present({ text: given(text) }));
}

/** The same as it came in. */
export function fromNullable(value: NullableText | undefined): string | null | undefined {
  return value === undefined ? undefined : (value.text ?? null);
}
