/**
 * What a payload must have so that its line is a record: the members, and their kinds, that Codex 0.130
 * needs to read the line (found out by asking it). A known kind without them is unreadable there and
 * here; unknown kinds, further members and unknown words are never looked at. Hand-written rows, because
 * every replayed line passes through.
 */
import { canonicalThreadId } from "../base/index.ts";

/** A kind of value: whether a value is of it, and how messages call it. */
interface Kind {
  readonly word: string;
  fits(value: unknown): boolean;
}

/** Members of an object, each with what it must be. */
type Shape = readonly { readonly name: string; readonly kind: Kind }[];

function shape(members: Readonly<Record<string, Kind>>): Shape {
  return Object.entries(members).map(([name, kind]) => ({ name, kind }));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const U32_MAX = 0xffff_ffff;

const threadId: Kind = {
  word: "a UUID",
  fits: (value) => typeof value === "string" && canonicalThreadId(value) !== undefined,
};
const text: Kind = { word: "a string", fits: (value) => typeof value === "string" };
const whole: Kind = { word: "a whole number", fits: (value) => Number.isInteger(value) };
const number: Kind = { word: "a number", fits: (value) => typeof value === "number" };
const flag: Kind = { word: "true or false", fits: (value) => typeof value === "boolean" };
const object: Kind = { word: "an object", fits: isObject };
const list: Kind = { word: "an array", fits: Array.isArray };
const present: Kind = { word: "given", fits: (value) => value !== undefined && value !== null };
const count: Kind = {
  word: "a whole number from 0",
  fits: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= U32_MAX,
};

/** Absent or null is fine too. */
function maybe(kind: Kind): Kind {
  return { word: kind.word, fits: (value) => value === undefined || value === null || kind.fits(value) };
}

/** Absent is fine too; null isn't, because Codex can't read it there. */
function mayLack(kind: Kind): Kind {
  return { word: kind.word, fits: (value) => value === undefined || kind.fits(value) };
}

function listOf(kind: Kind): Kind {
  return { word: list.word, fits: (value) => Array.isArray(value) && value.every((each) => kind.fits(each)) };
}

function objectOf(members: Readonly<Record<string, Kind>>): Kind {
  const rows = shape(members);
  return { word: "whole", fits: (value) => isObject(value) && rows.every(({ name, kind }) => kind.fits(value[name])) };
}

const SESSION_META = shape({
  // A thread that was listed under another id could never be opened.
  id: threadId,
  timestamp: text,
  cwd: text,
  originator: text,
  cli_version: text,
  git: maybe(object),
});

const TURN_CONTEXT = shape({ cwd: text, model: text, turn_id: maybe(text) });

const COMPACTED = shape({ message: text, replacement_history: maybe(listOf(objectOf({ type: text }))) });

const TAGGED = shape({ type: text });

const RESPONSE_ITEMS = new Map<string, Shape>([
  ["message", shape({ role: text, content: list })],
  ["reasoning", shape({ summary: list })],
  ["local_shell_call", shape({ status: text, action: object })],
  ["function_call", shape({ name: text, arguments: text, call_id: text })],
  ["function_call_output", shape({ call_id: text, output: present })],
  ["custom_tool_call", shape({ call_id: text, name: text, input: text })],
  ["custom_tool_call_output", shape({ call_id: text, output: present })],
  ["compaction", shape({ encrypted_content: text })],
  ["compaction_summary", shape({ encrypted_content: text })],
]);

const ENDED = { completed_at: maybe(whole), duration_ms: maybe(whole) };
const STARTED = shape({ turn_id: text, started_at: maybe(whole), model_context_window: maybe(whole) });
const COMPLETE = shape({ turn_id: text, last_agent_message: maybe(text), ...ENDED });
const REVIEW_OUTPUT = objectOf({
  findings: list,
  overall_correctness: text,
  overall_explanation: text,
  overall_confidence_score: number,
});

const EVENTS = new Map<string, Shape>([
  ["task_started", STARTED],
  ["turn_started", STARTED],
  ["task_complete", COMPLETE],
  ["turn_complete", COMPLETE],
  ["turn_aborted", shape({ turn_id: maybe(text), reason: text, ...ENDED })],
  [
    "user_message",
    shape({
      message: text,
      images: maybe(listOf(text)),
      local_images: mayLack(listOf(text)),
      text_elements: mayLack(listOf(object)),
    }),
  ],
  ["agent_message", shape({ message: text, phase: maybe(text), memory_citation: maybe(object) })],
  ["agent_reasoning", shape({ text })],
  ["agent_reasoning_raw_content", shape({ text })],
  [
    "patch_apply_end",
    shape({
      call_id: text,
      turn_id: mayLack(text),
      stdout: text,
      stderr: text,
      success: flag,
      changes: mayLack(object),
      status: text,
    }),
  ],
  [
    "mcp_tool_call_end",
    shape({
      call_id: text,
      invocation: objectOf({ server: text, tool: text }),
      duration: objectOf({ secs: whole, nanos: whole }),
      result: object,
    }),
  ],
  ["web_search_end", shape({ call_id: text, query: text, action: objectOf({ type: text }) })],
  ["image_generation_end", shape({ call_id: text, status: text, result: text })],
  ["item_completed", shape({ thread_id: text, turn_id: text, item: objectOf({ type: text }) })],
  ["entered_review_mode", shape({ target: objectOf({ type: text }), user_facing_hint: maybe(text) })],
  ["exited_review_mode", shape({ review_output: maybe(REVIEW_OUTPUT) })],
  ["token_count", shape({ info: maybe(objectOf({ total_token_usage: object, last_token_usage: object })) })],
  ["thread_rolled_back", shape({ num_turns: count })],
  ["error", shape({ message: text })],
]);

/** Why this payload makes no record of this type, or null when it does. Unknown types always do. */
export function shapeFault(type: string, payload: unknown): string | null {
  switch (type) {
    case "session_meta":
      return objectFault(type, payload, SESSION_META);
    case "turn_context":
      return objectFault(type, payload, TURN_CONTEXT);
    case "compacted":
      return objectFault(type, payload, COMPACTED);
    case "response_item":
      return taggedFault(type, payload, RESPONSE_ITEMS);
    case "event_msg":
      return taggedFault(type, payload, EVENTS);
    default:
      return null;
  }
}

function taggedFault(type: string, payload: unknown, known: ReadonlyMap<string, Shape>): string | null {
  const fault = objectFault(type, payload, TAGGED);
  if (fault !== null) return fault;
  const kind = (payload as { type: string }).type;
  const wanted = known.get(kind);
  return wanted === undefined ? null : objectFault(kind, payload, wanted);
}

function objectFault(what: string, payload: unknown, wanted: Shape): string | null {
  if (!isObject(payload)) return `${what}: payload is not an object`;
  for (const { name, kind } of wanted) {
    if (!kind.fits(payload[name])) return `${what}: ${name} is missing or not ${kind.word}`;
  }
  return null;
}
