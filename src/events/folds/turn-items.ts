/**
 * The items of a turn, as events make them: an event of the file in, a ThreadItem of the protocol out.
 * What the file spells with underscores the protocol spells in camel case, but for a few members that it
 * keeps. Members that an old or foreign file lacks become null or empty, never an error.
 */
import type { EventMsg, Json } from "../rollout-item.ts";
import type { ThreadItem, TurnError, UserInput } from "../thread-view.ts";
import { isBlankText, trimWhite } from "../white-space.ts";

const REVIEW_REQUESTED = "Review requested.";
const REVIEW_FAILED = "Reviewer failed to output a response.";

type Members = Readonly<Record<string, unknown>>;

/** The item of a user_message: its text unless blank, then images, then local images. */
export function userMessageItem(id: string, event: EventMsg): ThreadItem {
  const content: UserInput[] = [];
  const text = textOf(event["message"]);
  if (!isBlankText(text)) {
    const elements = arrayOf(event["text_elements"]).map(textElement);
    content.push({ type: "text", text, text_elements: elements });
  }
  for (const url of arrayOf(event["images"])) {
    if (typeof url === "string") content.push({ type: "image", url });
  }
  for (const path of arrayOf(event["local_images"])) {
    if (typeof path === "string") content.push({ type: "localImage", path });
  }
  return { type: "userMessage", id, content };
}

function textElement(element: unknown): Json {
  const { byte_range, byteRange, placeholder } = membersOf(element);
  return { byteRange: jsonOf(byte_range ?? byteRange), placeholder: jsonOf(placeholder) };
}

/** The item of an agent_message. */
export function agentMessageItem(id: string, event: EventMsg): ThreadItem {
  return {
    type: "agentMessage",
    id,
    text: textOf(event["message"]),
    phase: textOrNull(event["phase"]),
    memoryCitation: memoryCitation(event["memory_citation"]),
  };
}

function memoryCitation(value: unknown): Json {
  if (typeof value !== "object" || value === null) return null;
  const citation = membersOf(value);
  const threads = citation["rollout_ids"] ?? citation["rolloutIds"] ?? citation["threadIds"];
  const entries = arrayOf(citation["entries"]).map((entry) => camelJson(entry));
  return { entries, threadIds: arrayOf(threads).map(jsonOf) };
}

/** The marker of a review's begin: its hint, or a fixed text. */
export function enteredReviewItem(id: string, event: EventMsg): ThreadItem {
  return { type: "enteredReviewMode", id, review: textOrNull(event["user_facing_hint"]) ?? REVIEW_REQUESTED };
}

/** The marker of a review's end: its explanation, or a fixed text. */
export function exitedReviewItem(id: string, event: EventMsg): ThreadItem {
  const explanation = trimWhite(textOf(membersOf(event["review_output"])["overall_explanation"]));
  return { type: "exitedReviewMode", id, review: explanation === "" ? REVIEW_FAILED : explanation };
}

/** The item an event with an id of its own makes (a tool's end, a plan), or null when it makes none. */
export function identifiedItem(event: EventMsg): ThreadItem | null {
  switch (event.type) {
    case "web_search_end":
      return webSearchItem(event);
    case "image_generation_end":
      return imageGenerationItem(event);
    case "mcp_tool_call_end":
      return mcpToolCallItem(event);
    case "patch_apply_end":
      return fileChangeItem(event);
    case "item_completed":
      return planItem(membersOf(event["item"]));
    default:
      return null;
  }
}

function planItem(item: Members): ThreadItem | null {
  const text = textOf(item["text"]);
  if (item["type"] !== "Plan" || text === "") return null;
  return { type: "plan", id: textOf(item["id"]), text };
}

function webSearchItem(event: EventMsg): ThreadItem {
  const action = membersOf(event["action"]);
  return {
    type: "webSearch",
    id: textOf(event["call_id"]),
    query: textOf(event["query"]),
    action: webSearchAction(action),
  };
}

function webSearchAction(action: Members): Json {
  switch (action["type"]) {
    case "search":
      return { type: "search", query: jsonOf(action["query"]), queries: jsonOf(action["queries"]) };
    case "open_page":
      return { type: "openPage", url: jsonOf(action["url"]) };
    case "find_in_page":
      return { type: "findInPage", url: jsonOf(action["url"]), pattern: jsonOf(action["pattern"]) };
    default:
      return { type: "other" };
  }
}

function imageGenerationItem(event: EventMsg): ThreadItem {
  const savedPath = textOrNull(event["saved_path"]);
  return {
    type: "imageGeneration",
    id: textOf(event["call_id"]),
    status: textOf(event["status"]),
    revisedPrompt: textOrNull(event["revised_prompt"]),
    result: textOf(event["result"]),
    ...(savedPath === null ? {} : { savedPath }),
  };
}

function mcpToolCallItem(event: EventMsg): ThreadItem {
  const invocation = membersOf(event["invocation"]);
  const outcome = membersOf(event["result"]);
  const ok = membersOf(outcome["Ok"]);
  const isOk = outcome["Ok"] !== undefined;
  const resource = textOrNull(event["mcp_app_resource_uri"]);
  return {
    type: "mcpToolCall",
    id: textOf(event["call_id"]),
    server: textOf(invocation["server"]),
    tool: textOf(invocation["tool"]),
    status: isOk && ok["isError"] !== true ? "completed" : "failed",
    arguments: jsonOf(invocation["arguments"]),
    ...(resource === null ? {} : { mcpAppResourceUri: resource }),
    result: isOk
      ? {
          content: arrayOf(ok["content"]).map(jsonOf),
          structuredContent: jsonOf(ok["structuredContent"]),
          _meta: jsonOf(ok["_meta"]),
        }
      : null,
    error: isOk ? null : { message: textOf(outcome["Err"]) },
    durationMs: durationMs(event["duration"]),
  };
}

function durationMs(value: unknown): number | null {
  const { secs, nanos } = membersOf(value);
  if (typeof secs !== "number" || typeof nanos !== "number") return null;
  return secs * 1000 + Math.floor(nanos / 1_000_000);
}

function fileChangeItem(event: EventMsg): ThreadItem {
  const changes = Object.entries(membersOf(event["changes"])).map(([path, change]) =>
    fileChange(path, membersOf(change)),
  );
  changes.sort((a, b) => compareCodePoints(a.path, b.path));
  return { type: "fileChange", id: textOf(event["call_id"]), changes, status: textOf(event["status"]) };
}

/** Paths in the order of their characters, as UTF-8 bytes sort; UTF-16 sorts some of them otherwise. */
function compareCodePoints(a: string, b: string): number {
  const left = Array.from(a, (character) => character.codePointAt(0) ?? 0);
  const right = Array.from(b, (character) => character.codePointAt(0) ?? 0);
  const at = left.findIndex((point, index) => point !== right[index]);
  return at < 0 ? left.length - right.length : (left[at] ?? 0) - (right[at] ?? -1);
}

function fileChange(path: string, change: Members): { path: string; kind: Json; diff: string } {
  if (change["type"] !== "update") {
    return { path, kind: { type: textOf(change["type"]) }, diff: textOf(change["content"]) };
  }
  const movePath = textOrNull(change["move_path"]);
  const diff = textOf(change["unified_diff"]);
  return {
    path,
    kind: { type: "update", move_path: movePath },
    diff: movePath === null ? diff : `${diff}\n\nMoved to: ${movePath}`,
  };
}

/** How an error event makes its turn fail, or null when it isn't the turn's (a rollback or a steer that was refused). */
export function turnErrorOf(event: EventMsg): TurnError | null {
  const info = event["codex_error_info"];
  if (info === "thread_rollback_failed") return null;
  if (typeof info === "object" && info !== null && "active_turn_not_steerable" in info) return null;
  return {
    message: textOf(event["message"]),
    codexErrorInfo: typeof info === "string" ? camelWord(info) : camelJson(info),
    additionalDetails: textOrNull(event["additional_details"]),
  };
}

/** Whole numbers of a file (seconds, milliseconds), or null. */
export function numberOrNull(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function membersOf(value: unknown): Members {
  return typeof value === "object" && value !== null ? (value as Members) : {};
}

/** A value of a parsed line is JSON already; absent ones become null. */
function jsonOf(value: unknown): Json {
  return value === undefined ? null : (value as Json);
}

function camelWord(word: string): string {
  return word.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** Names of members in the protocol's spelling, at every depth; values stay. */
function camelJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(camelJson);
  if (typeof value !== "object" || value === null) return jsonOf(value);
  const entries = Object.entries(value).map(([name, member]) => [camelWord(name), camelJson(member)]);
  return Object.fromEntries(entries) as Json;
}
