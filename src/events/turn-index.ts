/**
 * The second count inside a log: which records Codex counts for the index in the ids of turns without
 * a start event (`rollout-<i>`). It counts what its reader parses and its policy keeps, so unknown
 * types, kinds it filters and lines of a wrong shape don't count. An ordinal counts them all.
 */
import { isPlan, PERSISTENCE_POLICY } from "./persistence-policy.ts";
import type { RolloutItem } from "./rollout-item.ts";

/** Types of response_item that Codex 0.130 knows; it drops the others when it reads. */
const RESPONSE_ITEM_TYPES: ReadonlySet<string> = new Set([
  "message",
  "reasoning",
  "local_shell_call",
  "function_call",
  "tool_search_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "tool_search_output",
  "web_search_call",
  "image_generation_call",
  "compaction",
  "compaction_summary",
  "context_compaction",
]);

/** Codex can't parse a turn_context without these, and then passes over it (docs/decisions/0001). */
const TURN_CONTEXT_MEMBERS = ["approval_policy", "sandbox_policy", "summary"] as const;

/** Whether Codex knows this type of response_item. */
export function isIndexedResponseType(type: string): boolean {
  return RESPONSE_ITEM_TYPES.has(type);
}

const EVENT_PREFIX = "event_msg:";
const EVENT_KINDS: ReadonlySet<string> = new Set(
  Object.entries(PERSISTENCE_POLICY)
    .filter(([kind, rule]) => rule.keptByCodex && kind.startsWith(EVENT_PREFIX))
    .map(([kind]) => kind.slice(EVENT_PREFIX.length)),
);

/** Whether Codex keeps this kind of event; `item_completed` only when it is a plan. */
export function isIndexedEventKind(kind: string): boolean {
  return EVENT_KINDS.has(kind);
}

/** Whether Codex counts this record. */
export function isIndexed(item: RolloutItem): boolean {
  switch (item.type) {
    case "session_meta":
    case "compacted":
      return true;
    case "turn_context":
      return TURN_CONTEXT_MEMBERS.every((member) => item.payload[member] !== undefined);
    case "response_item":
      return isIndexedResponseType(item.payload.type);
    case "event_msg": {
      const kind = item.payload.type;
      return isIndexedEventKind(kind) && (kind !== "item_completed" || isPlan(item.payload));
    }
    case "unknown":
    case "unreadable":
      return false;
  }
}
