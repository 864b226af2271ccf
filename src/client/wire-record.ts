/**
 * A record as the wire shows it, as the record that a feed in the server's process tells. The marks that Skein keeps
 * beside its own lines do not travel. The codec of the files has the same few cases; it is not used here, for a client
 * loads none of what reads logs.
 */
import type { RolloutItem, RolloutRecord } from "../events/index.ts";
import type { NotificationParams, RequestParams } from "../server/protocol/index.ts";

/** One record of a `thread/events/records`. */
export type WireRecord = NotificationParams<"thread/events/records">["records"][number];

/** Says which record stands at an ordinal. */
export type WirePlace = RequestParams<"thread/events/subscribe">["after"] & {};

/** A record's place, in the words in which it was told. */
export function wirePlaceOf({ timestamp, item }: RolloutRecord): WirePlace {
  return { timestamp: timestamp ?? "", type: wireTypeOf(item) };
}

/** The type of an item, as the wire shows it. */
export function wireTypeOf(item: RolloutItem): string {
  return item.type === "unknown" ? item.recordType : item.type;
}

/** The record. The server has looked at the payload's shape when it read the line. */
export function recordOfWire({ ordinal, timestamp, type, payload }: WireRecord): RolloutRecord {
  return { ordinal, timestamp: timestamp === "" ? null : timestamp, item: itemOf(type, payload) };
}

function itemOf(type: string, payload: unknown): RolloutItem {
  switch (type) {
    case "session_meta":
    case "turn_context":
    case "response_item":
    case "event_msg":
    case "compacted":
      return { type, payload } as RolloutItem;
    case "unreadable":
      return { type, reason: reasonOf(payload) };
    default:
      return { type: "unknown", recordType: type, payload };
  }
}

function reasonOf(payload: unknown): string {
  if (typeof payload !== "object" || payload === null || !("reason" in payload)) return "";
  return typeof payload.reason === "string" ? payload.reason : "";
}
