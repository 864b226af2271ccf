/**
 * What a payload must have so that its line is a record: the members Codex 0.130 needs to read the
 * line. A known kind without them is unreadable there and here; unknown kinds and further members
 * are never looked at. Hand-written tables, because every replayed line passes through.
 */

type Kind = "string" | "number" | "count" | "boolean" | "object" | "array" | "present";
/** Member to what it must be. A `?` at the end of the kind: it may be absent or null. */
type Shape = Readonly<Record<string, Kind | `${Kind}?`>>;

const SESSION_META: Shape = {
  id: "string",
  timestamp: "string",
  cwd: "string",
  originator: "string",
  cli_version: "string",
  git: "object?",
};

const TURN_CONTEXT: Shape = { cwd: "string", model: "string", turn_id: "string?" };

const COMPACTED: Shape = { message: "string", replacement_history: "array?" };

const RESPONSE_ITEMS: Readonly<Record<string, Shape>> = {
  message: { role: "string", content: "array" },
  reasoning: { summary: "array" },
  local_shell_call: { status: "string", action: "object" },
  function_call: { name: "string", arguments: "string", call_id: "string" },
  function_call_output: { call_id: "string", output: "present" },
  custom_tool_call: { call_id: "string", name: "string", input: "string" },
  custom_tool_call_output: { call_id: "string", output: "present" },
  compaction: { encrypted_content: "string" },
  compaction_summary: { encrypted_content: "string" },
};

const EVENTS: Readonly<Record<string, Shape>> = {
  user_message: { message: "string", images: "array?", local_images: "array?" },
  agent_message: { message: "string" },
  agent_reasoning: { text: "string" },
  agent_reasoning_raw_content: { text: "string" },
  patch_apply_end: { call_id: "string", success: "boolean" },
  token_count: { info: "object?" },
  entered_review_mode: { target: "object", user_facing_hint: "string?" },
  exited_review_mode: { review_output: "object?" },
  mcp_tool_call_end: { call_id: "string", invocation: "object", result: "object" },
  thread_rolled_back: { num_turns: "count" },
  turn_aborted: { turn_id: "string?", reason: "string" },
  task_started: { turn_id: "string" },
  turn_started: { turn_id: "string" },
  task_complete: { turn_id: "string" },
  turn_complete: { turn_id: "string" },
  web_search_end: { call_id: "string", query: "string", action: "object" },
  image_generation_end: { call_id: "string", status: "string", result: "string" },
  item_completed: { turn_id: "string", item: "object" },
  error: { message: "string" },
};

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

function taggedFault(type: string, payload: unknown, shapes: Readonly<Record<string, Shape>>): string | null {
  const fault = objectFault(type, payload, { type: "string" });
  if (fault !== null) return fault;
  const kind = (payload as { type: string }).type;
  if (!Object.hasOwn(shapes, kind)) return null;
  return objectFault(`${type} ${kind}`, payload, shapes[kind] ?? {});
}

function objectFault(what: string, payload: unknown, shape: Shape): string | null {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return `${what}: payload is not an object`;
  }
  const members = payload as Readonly<Record<string, unknown>>;
  for (const name in shape) {
    const kind = shape[name];
    if (kind !== undefined && !fits(members[name], kind)) {
      return `${what}: ${name} is missing or not ${wordOf(kind)}`;
    }
  }
  return null;
}

function fits(value: unknown, kind: Kind | `${Kind}?`): boolean {
  if (value === undefined || value === null) return kind.endsWith("?");
  switch (kind) {
    case "present":
    case "present?":
      return true;
    case "array":
    case "array?":
      return Array.isArray(value);
    case "object":
    case "object?":
      return typeof value === "object" && !Array.isArray(value);
    case "count":
    case "count?":
      return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= U32_MAX;
    case "string":
    case "string?":
      return typeof value === "string";
    case "number":
    case "number?":
      return typeof value === "number";
    case "boolean":
    case "boolean?":
      return typeof value === "boolean";
  }
}

const U32_MAX = 0xffff_ffff;

const WORDS: Readonly<Record<Kind, string>> = {
  string: "a string",
  number: "a number",
  count: "a whole number from 0",
  boolean: "true or false",
  object: "an object",
  array: "an array",
  present: "given",
};

function wordOf(kind: Kind | `${Kind}?`): string {
  return WORDS[kind.replace("?", "") as Kind];
}
