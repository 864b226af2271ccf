/**
 * What a payload must have so that its line is a record: the members Codex 0.130 needs to read the
 * line. A known kind without them is unreadable there and here; unknown kinds and further members
 * are never looked at. Hand-written tables, because every replayed line passes through.
 */

type Kind = "string" | "count" | "boolean" | "object" | "array" | "present";
/** Member to what it must be. A `?` at the end of the kind: it may be absent or null. */
type Wanted = Readonly<Record<string, Kind | `${Kind}?`>>;

/** The same as rows, for the loop that every line runs through. */
type Shape = readonly { readonly name: string; readonly kind: Kind; readonly mayLack: boolean }[];

function shape(wanted: Wanted): Shape {
  return Object.entries(wanted).map(([name, kind]) => ({
    name,
    // Without its question mark it is a Kind.
    kind: kind.replace("?", "") as Kind,
    mayLack: kind.endsWith("?"),
  }));
}

function shapes(wanted: Readonly<Record<string, Wanted>>): ReadonlyMap<string, Shape> {
  return new Map(Object.entries(wanted).map(([kind, members]) => [kind, shape(members)]));
}

const SESSION_META = shape({
  id: "string",
  timestamp: "string",
  cwd: "string",
  originator: "string",
  cli_version: "string",
  git: "object?",
});

const TURN_CONTEXT = shape({ cwd: "string", model: "string", turn_id: "string?" });

const COMPACTED = shape({ message: "string", replacement_history: "array?" });

const TAGGED = shape({ type: "string" });

const RESPONSE_ITEMS = shapes({
  message: { role: "string", content: "array" },
  reasoning: { summary: "array" },
  local_shell_call: { status: "string", action: "object" },
  function_call: { name: "string", arguments: "string", call_id: "string" },
  function_call_output: { call_id: "string", output: "present" },
  custom_tool_call: { call_id: "string", name: "string", input: "string" },
  custom_tool_call_output: { call_id: "string", output: "present" },
  compaction: { encrypted_content: "string" },
  compaction_summary: { encrypted_content: "string" },
});

const EVENTS = shapes({
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
});

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
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) {
    return `${what}: payload is not an object`;
  }
  const members = payload as Readonly<Record<string, unknown>>;
  for (const { name, kind, mayLack } of wanted) {
    const value = members[name];
    const isFit = value === undefined || value === null ? mayLack : fits(value, kind);
    if (!isFit) return `${what}: ${name} is missing or not ${WORDS[kind]}`;
  }
  return null;
}

const U32_MAX = 0xffff_ffff;

function fits(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case "present":
      return true;
    case "array":
      return Array.isArray(value);
    case "object":
      return typeof value === "object" && !Array.isArray(value);
    case "count":
      return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= U32_MAX;
    case "string":
    case "boolean":
      return typeof value === kind;
  }
}

const WORDS: Readonly<Record<Kind, string>> = {
  string: "a string",
  count: "a whole number from 0",
  boolean: "true or false",
  object: "an object",
  array: "an array",
  present: "given",
};
