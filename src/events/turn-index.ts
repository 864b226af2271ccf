/**
 * The second count inside a log: which records Codex 0.130 counts for the index in the ids of turns
 * without a start event (`rollout-<i>`). It counts what its reader parses and its policy keeps. So
 * unknown types don't count, nor kinds it filters, nor records that Skein reads but Codex doesn't,
 * because of a word or a part it has no name for. An ordinal counts them all.
 */
import { canonicalThreadId } from "../base/index.ts";
import { isPlan, PERSISTENCE_POLICY } from "./persistence-policy.ts";
import type { EventMsg, ResponseItem, RolloutItem, TurnContext } from "./rollout-item.ts";

type Members = Readonly<Record<string, unknown>>;

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

/** Whether Codex knows this type of response_item; it drops the others when it reads. */
export function isIndexedResponseType(type: string): boolean {
  return RESPONSE_ITEMS.has(type);
}

/** Whether Codex counts this record. */
export function isIndexed(item: RolloutItem): boolean {
  switch (item.type) {
    case "session_meta":
      return canonicalThreadId(item.payload.id) !== undefined;
    case "turn_context":
      return isIndexedContext(item.payload);
    case "response_item":
      return isIndexedResponseType(item.payload.type) && isReadableResponse(item.payload);
    case "compacted":
      return (item.payload.replacement_history ?? []).every(isReadableResponse);
    case "event_msg":
      return isIndexedEventKind(item.payload.type) && isReadableEvent(item.payload);
    case "unknown":
    case "unreadable":
      return false;
  }
}

/** Codex passes over a turn_context without its policies (docs/decisions/0001). */
function isIndexedContext(context: TurnContext): boolean {
  return isGiven(context["approval_policy"]) && isGiven(context["sandbox_policy"]) && isGiven(context["summary"]);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

const isText = (value: unknown): boolean => typeof value === "string";
const always = (): boolean => true;

/** Types of response_item that Codex 0.130 knows, and what it wants of them beyond their shape. */
const RESPONSE_ITEMS: ReadonlyMap<string, (item: ResponseItem) => boolean> = new Map<
  string,
  (item: ResponseItem) => boolean
>([
  [
    "message",
    (item) =>
      partsAre(item["content"], isMessagePart) &&
      isPhase(item["phase"]) &&
      (!isGiven(item["id"]) || isText(item["id"])),
  ],
  ["reasoning", (item) => partsAre(item["summary"], ({ type, text }) => type === "summary_text" && isText(text))],
  ["local_shell_call", (item) => isOneOf(item["status"], ["completed", "in_progress", "incomplete"])],
  ["function_call", always],
  ["tool_search_call", (item) => isText(item["execution"])],
  ["function_call_output", (item) => isText(item["output"]) || Array.isArray(item["output"])],
  ["custom_tool_call", always],
  ["custom_tool_call_output", (item) => isText(item["output"]) || Array.isArray(item["output"])],
  ["tool_search_output", (item) => isText(item["status"]) && Array.isArray(item["tools"])],
  ["web_search_call", always],
  ["image_generation_call", (item) => isText(item["status"]) && isText(item["result"])],
  ["compaction", always],
  ["compaction_summary", always],
  ["context_compaction", always],
]);

/** Types Codex doesn't know it reads as "other", and drops. */
function isReadableResponse(item: ResponseItem): boolean {
  return RESPONSE_ITEMS.get(item.type)?.(item) ?? true;
}

function isMessagePart({ type, text, image_url }: Members): boolean {
  return type === "input_image" ? isText(image_url) : isOneOf(type, ["input_text", "output_text"]) && isText(text);
}

function partsAre(parts: unknown, isPart: (part: Members) => boolean): boolean {
  if (!Array.isArray(parts)) return false;
  return (parts as readonly unknown[]).every(
    (part) => typeof part === "object" && part !== null && isPart(part as Members),
  );
}

function isOneOf(value: unknown, words: readonly string[]): boolean {
  return words.some((word) => word === value);
}

function isPhase(phase: unknown): boolean {
  return !isGiven(phase) || isOneOf(phase, ["commentary", "final_answer"]);
}

function isCitation(citation: unknown): boolean {
  if (!isGiven(citation)) return true;
  const { entries, rolloutIds } = citation as Members;
  return Array.isArray(entries) && Array.isArray(rolloutIds);
}

function areCounts({ total_token_usage, last_token_usage }: Members): boolean {
  const counts = [total_token_usage, last_token_usage] as readonly Members[];
  return counts.every((usage) => Object.values(usage).every(Number.isInteger));
}

/** Whether the words in an event are ones that Codex has. */
function isReadableEvent(event: EventMsg): boolean {
  switch (event.type) {
    case "agent_message":
      return isPhase(event["phase"]) && isCitation(event["memory_citation"]);
    case "token_count":
      return !isGiven(event["info"]) || areCounts(event["info"] as Members);
    case "turn_aborted":
      return isOneOf(event["reason"], ["interrupted", "replaced", "review_ended", "budget_limited"]);
    case "patch_apply_end":
      return isOneOf(event["status"], ["completed", "failed", "declined"]);
    case "entered_review_mode": {
      const { type } = event["target"] as Members;
      return isOneOf(type, ["uncommittedChanges", "baseBranch", "commit", "custom"]);
    }
    case "item_completed":
      return isPlan(event) && isWholePlan(event["item"] as Members);
    default:
      return true;
  }
}

function isWholePlan({ id, text }: Members): boolean {
  return isText(id) && isText(text);
}
