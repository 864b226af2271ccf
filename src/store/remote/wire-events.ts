/**
 * Store events as messages and back. An append whose records are too large to be held for those who listen is told
 * without them: who hears of it loads them.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import type { RolloutRecord } from "../../events/index.ts";
import type { StoreEvent } from "../thread-store.ts";
import {
  type Record as WireRecord,
  type StoreEvent as WireEvent,
  StoreEventSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { createRecordJoiner, toWireRecords, wireRecordSize } from "./wire-parts.ts";
import { fromNullable, toNullable } from "./wire-members.ts";

/** Bytes of records that an event holds. */
const EVENT_BYTES_MAX = 2 * 1024 * 1024;
/** About what an event is without records. */
const EVENT_BYTES = 96;

/** An event and about how many bytes it is. */
export interface SizedEvent {
  readonly event: WireEvent;
  readonly bytes: number;
}

type NamedEvent = MessageInitShape<typeof StoreEventSchema>["event"];

/** An event with its number. */
export function toWireEvent(event: StoreEvent, sequence: bigint): SizedEvent {
  const { named, bytes } = event.type === "appended" ? appendedOf(event.records) : { named: namedOf(event), bytes: 0 };
  const made = create(StoreEventSchema, { sequence, threadId: event.threadId, event: named ?? { case: undefined } });
  return { event: made, bytes: bytes + EVENT_BYTES };
}

function namedOf(event: Exclude<StoreEvent, { readonly type: "appended" }>): NamedEvent {
  if (event.type === "truncated") {
    return { case: event.type, value: { nextOrdinal: BigInt(event.nextOrdinal) } };
  }
  if (event.type !== "name_updated") return { case: event.type, value: {} };
  const name = toNullable(event.name);
  return { case: "nameUpdated", value: name === undefined ? {} : { name } };
}

function appendedOf(records: readonly RolloutRecord[]): { readonly named: NamedEvent; readonly bytes: number } {
  const parts: WireRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    if (bytes > EVENT_BYTES_MAX) break;
    for (const part of toWireRecords(record)) {
      parts.push(part);
      bytes += wireRecordSize(part);
    }
  }
  const first = records[0]?.ordinal ?? 0;
  const isTold = bytes <= EVENT_BYTES_MAX;
  const value = {
    firstOrdinal: BigInt(first),
    nextOrdinal: BigInt(first + records.length),
    records: isTold ? parts : [],
  };
  return { named: { case: "appended", value }, bytes: isTold ? bytes : 0 };
}

/** What an event says: all of it, or which records are to be loaded first. */
export type HeardEvent =
  | { readonly event: StoreEvent }
  | { readonly threadId: string; readonly from: number; readonly end: number };

/** An event as it came in; undefined for one that only a newer server tells. */
export function fromWireEvent({ threadId, event }: WireEvent): HeardEvent | undefined {
  switch (event.case) {
    case "created":
    case "archived":
    case "unarchived":
    case "deleted":
      return { event: { type: event.case, threadId } };
    case "truncated":
      return { event: { type: "truncated", threadId, nextOrdinal: Number(event.value.nextOrdinal) } };
    case "nameUpdated":
      return { event: { type: "name_updated", threadId, name: fromNullable(event.value.name) ?? null } };
    case "appended": {
      const from = Number(event.value.firstOrdinal);
      const end = Number(event.value.nextOrdinal);
      const joiner = createRecordJoiner();
      const records = event.value.records.flatMap((part) => joiner.add(part) ?? []);
      return records.length === end - from
        ? { event: { type: "appended", threadId, records } }
        : { threadId, from, end };
    }
    case undefined:
      return undefined;
  }
}
