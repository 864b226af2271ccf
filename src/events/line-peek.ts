/**
 * What a line is, from its first bytes, without parsing it. It knows the member order that Codex and
 * Skein write, byte for byte; whatever looks different is "parse it", never a guess. A head says nothing
 * about the rest of its line, which may be broken.
 */
import { LIMITS } from "../base/index.ts";
import { checksumAt } from "./line-checksum.ts";
import { isIndexedEventKind, isIndexedResponseType } from "./turn-index.ts";

/** How a record stands to the input before a turn: begins or continues it, ends it, or neither. */
type InputRole = "input" | "break" | "neutral";

/** What the first bytes of a line say. The same head is the same object. */
export interface LineHead {
  readonly type: string;
  /** Kind of an event, type of a response item, else null. */
  readonly kind: string | null;
  /** Codex counts such a record for the index in implicit turn ids. */
  readonly isCounted: boolean;
  readonly inputRole: InputRole;
  /** A user message that may hold hook prompts. */
  readonly maybeHookPrompt: boolean;
}

function head(type: string, kind: string | null, isCounted: boolean): LineHead {
  return { type, kind, isCounted, inputRole: "neutral", maybeHookPrompt: false };
}

const SESSION_META = head("session_meta", null, true);
const TURN_CONTEXT: LineHead = { ...head("turn_context", null, true), inputRole: "input" };
const COMPACTED: LineHead = { ...head("compacted", null, true), inputRole: "break" };

const MESSAGE = head("response_item", "message", true);
const INPUT_MESSAGE: LineHead = { ...MESSAGE, inputRole: "input" };
const OTHER_MESSAGE: LineHead = { ...MESSAGE, inputRole: "break" };
const HOOK_MESSAGE: LineHead = { ...MESSAGE, inputRole: "break", maybeHookPrompt: true };

const RESPONSE_KINDS = [
  "reasoning",
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "local_shell_call",
  "tool_search_call",
  "tool_search_output",
  "web_search_call",
  "image_generation_call",
  "compaction",
  "ghost_snapshot",
] as const;

const EVENT_KINDS = [
  "task_started",
  "turn_started",
  "task_complete",
  "turn_complete",
  "turn_aborted",
  "user_message",
  "agent_message",
  "agent_reasoning",
  "agent_reasoning_raw_content",
  "patch_apply_end",
  "mcp_tool_call_end",
  "web_search_end",
  "image_generation_end",
  "item_completed",
  "entered_review_mode",
  "exited_review_mode",
  "context_compacted",
  "thread_rolled_back",
  "token_count",
  "error",
  "exec_command_end",
  "exec_command_begin",
  "view_image_tool_call",
  "dynamic_tool_call_request",
  "dynamic_tool_call_response",
  "thread_name_updated",
] as const;

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A word of the table: its bytes, and the head of lines that hold it. */
interface Word {
  readonly bytes: Uint8Array;
  readonly head: LineHead;
}

/** Words by their length: few share one, so that a look-up compares one or two. */
type WordTable = readonly (readonly Word[])[];

function tableOf(heads: readonly LineHead[]): WordTable {
  const table: Word[][] = [];
  for (const entry of heads) {
    const bytes = ascii(entry.kind ?? entry.type);
    (table[bytes.length] ??= []).push({ bytes, head: entry });
  }
  return Array.from(table, (words) => words ?? []);
}

const RESPONSES = tableOf([
  ...RESPONSE_KINDS.map((kind): LineHead => ({
    ...head("response_item", kind, isIndexedResponseType(kind)),
    inputRole: "break",
  })),
  MESSAGE,
]);

const EVENTS = tableOf(
  EVENT_KINDS.map((kind) => head("event_msg", kind, kind !== "item_completed" && isIndexedEventKind(kind))),
);

const QUOTE = 0x22;
const TIMESTAMP = ascii('{"timestamp":"');
/** `2026-11-22T07:32:59.526Z`. */
const TIMESTAMP_CHARS = 24;
const LAST_OF_TIMESTAMP = 0x5a;
const TYPE = ascii('","type":"');
const TYPE_AT = TIMESTAMP.length + TIMESTAMP_CHARS;
const WORD_AT = TYPE_AT + TYPE.length;

const META_REST = ascii('session_meta","payload":{');
const CONTEXT_REST = ascii('turn_context","payload":{');
const COMPACTED_REST = ascii('compacted","payload":{');
const RESPONSE_REST = ascii('response_item","payload":{"type":"');
const EVENT_REST = ascii('event_msg","payload":{"type":"');

const ROLE = ascii(',"role":"');
const ASSISTANT = ascii('assistant"');
const DEVELOPER = ascii('developer"');
const USER = ascii('user","content":[');
const USER_TEXT = ascii('{"type":"input_text","text":"');

/** The head of the line in `bytes[start, end)`, or null where only parsing can tell. */
export function peekLine(bytes: Uint8Array, start: number, end: number): LineHead | null {
  const wordAt = start + WORD_AT;
  if (end - wordAt < META_REST.length) return null;
  if (bytes[start + TYPE_AT - 1] !== LAST_OF_TIMESTAMP) return null;
  if (!hasAt(bytes, start, TIMESTAMP) || !hasAt(bytes, start + TYPE_AT, TYPE)) return null;
  switch (bytes[wordAt]) {
    case 0x65: // e
      return hasAt(bytes, wordAt, EVENT_REST) ? wordHead(bytes, wordAt + EVENT_REST.length, EVENTS) : null;
    case 0x72: // r
      return hasAt(bytes, wordAt, RESPONSE_REST) ? responseHead(bytes, wordAt + RESPONSE_REST.length, end) : null;
    case 0x74: // t
      return hasAt(bytes, wordAt, CONTEXT_REST) ? TURN_CONTEXT : null;
    case 0x73: // s
      return hasAt(bytes, wordAt, META_REST) ? SESSION_META : null;
    case 0x63: // c
      return hasAt(bytes, wordAt, COMPACTED_REST) ? COMPACTED : null;
    default:
      return null;
  }
}

/** Whether these bytes stand there. Past the end of the array nothing equals. */
function hasAt(bytes: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let index = 0; index < wanted.length; index += 1) {
    if (bytes[at + index] !== wanted[index]) return false;
  }
  return true;
}

function wordHead(bytes: Uint8Array, at: number, table: WordTable): LineHead | null {
  let length = 0;
  while (length < table.length && bytes[at + length] !== QUOTE) length += 1;
  const words = table[length];
  if (words === undefined) return null;
  for (const word of words) {
    if (hasAt(bytes, at, word.bytes)) return word.head;
  }
  return null;
}

function responseHead(bytes: Uint8Array, at: number, end: number): LineHead | null {
  const found = wordHead(bytes, at, RESPONSES);
  if (found !== MESSAGE) return found;
  const roleAt = at + "message".length + 1;
  if (!hasAt(bytes, roleAt, ROLE)) return null;
  const wordAt = roleAt + ROLE.length;
  if (hasAt(bytes, wordAt, ASSISTANT)) return OTHER_MESSAGE;
  if (hasAt(bytes, wordAt, DEVELOPER)) return INPUT_MESSAGE;
  return hasAt(bytes, wordAt, USER) ? userHead(bytes, wordAt + USER.length, end) : null;
}

const HOOK = ascii("<hook_prompt");

/** A hook prompt's first part is a text that begins with its tag, behind white space at most. */
function userHead(bytes: Uint8Array, at: number, end: number): LineHead {
  if (!hasAt(bytes, at, USER_TEXT)) return HOOK_MESSAGE;
  const first = at + USER_TEXT.length;
  const byte = first < end ? (bytes[first] ?? 0) : 0;
  if (byte === HOOK[0]) return hasAt(bytes, first, HOOK) ? HOOK_MESSAGE : notEscaped(bytes, first + 1);
  // Space, an escape, or beyond ASCII: it could be white space before the tag, or the tag itself.
  return byte <= 0x20 || byte === 0x5c || byte >= 0x7f ? HOOK_MESSAGE : INPUT_MESSAGE;
}

/** `<` that does not go on as a hook prompt: none, unless its next letters are escaped. */
function notEscaped(bytes: Uint8Array, at: number): LineHead {
  for (let index = 0; index < HOOK.length - 1; index += 1) {
    if (bytes[at + index] === 0x5c) return HOOK_MESSAGE;
    if (bytes[at + index] !== HOOK[index + 1]) break;
  }
  return INPUT_MESSAGE;
}

const MORE = ascii('},"skein":{"more":');
/** Enough for LIMITS.appendItemsMax. */
const MORE_DIGITS_MAX = 4;

/**
 * How many lines of the same append follow the line in `bytes[start, end)`: the number that Skein writes
 * at its end, in front of the checksum; 0 where there is none.
 */
export function peekMore(bytes: Uint8Array, start: number, end: number): number {
  const checksum = checksumAt(bytes, start, end);
  const marksEnd = checksum < 0 ? closingBraceAt(bytes, end) : checksum;
  if (marksEnd < 0 || bytes[marksEnd - 1] !== 0x7d) return 0;
  const lastDigit = marksEnd - 2;
  let more = 0;
  let scale = 1;
  let at = lastDigit;
  for (; at > start && lastDigit - at < MORE_DIGITS_MAX; at -= 1) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    more += digit * scale;
    scale *= 10;
  }
  // A batch has no more lines than an append has items: a larger number is none of ours.
  if (scale === 1 || more >= LIMITS.appendItemsMax) return 0;
  const markAt = at + 1 - MORE.length;
  return markAt > start && hasAt(bytes, markAt, MORE) ? more : 0;
}

/** Where the brace stands that closes the line; -1 where it ends with something else. */
function closingBraceAt(bytes: Uint8Array, end: number): number {
  const last = bytes[end - 1] === 0x0d ? end - 2 : end - 1;
  return bytes[last] === 0x7d ? last : -1;
}
