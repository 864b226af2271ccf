/**
 * An item as the pair of its type and its payload, as a line of the file has it and as the wire shows it. A kind that
 * nobody knows keeps its own type's name; a line that could not be read says why.
 */
import type { RolloutItem } from "./rollout-item.ts";

/** The pair of an item. */
export function toTypedPayload(item: RolloutItem): { readonly type: string; readonly payload: unknown } {
  switch (item.type) {
    case "unknown":
      return { type: item.recordType, payload: item.payload };
    case "unreadable":
      return { type: item.type, payload: { reason: item.reason } };
    case "session_meta":
    case "turn_context":
    case "response_item":
    case "event_msg":
    case "compacted":
      return { type: item.type, payload: item.payload };
  }
}
