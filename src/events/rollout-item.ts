/**
 * The event: what a rollout holds. One record is one complete line of the file; its `ordinal` is its
 * place among them (0-based, gap-free, blank lines not counted). Lines that can't be understood keep
 * their place too, as `unknown` or `unreadable`, so that an ordinal never depends on what a reader
 * happens to know.
 *
 * Payloads are typed where Skein reads them and open elsewhere: every object may carry more members
 * than its type says, and they survive reading and writing. The source of the shapes is what
 * Codex 0.125–0.169 writes; a type here never promises that an old or foreign file has a member.
 */

/** Anything JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** An object of JSON. */
export interface JsonObject {
  readonly [member: string]: Json | undefined;
}

/** Who started a thread, as the file says it: a plain word, or `{subagent}`, `{custom}`, `{internal}`. */
export type SessionSource = string | JsonObject;

/** Git as the file names it; see GitFields for the words of the store. */
export interface GitInfo {
  readonly commit_hash?: string | null;
  readonly branch?: string | null;
  readonly repository_url?: string | null;
}

/** Whether memories may be drawn from a thread; `polluted` is set by the peer. */
export type MemoryMode = "enabled" | "disabled" | "polluted";

/** The first line of a rollout; later ones carry changed metadata (same id) or a fork's ancestors (other id). */
export interface SessionMeta {
  readonly id: string;
  readonly forked_from_id?: string | null;
  /** RFC 3339 UTC with milliseconds: when the thread was created. */
  readonly timestamp: string;
  readonly cwd: string;
  readonly originator: string;
  readonly cli_version: string;
  readonly source?: SessionSource;
  readonly thread_source?: string | null;
  readonly agent_nickname?: string | null;
  readonly agent_role?: string | null;
  readonly model_provider?: string | null;
  readonly base_instructions?: { readonly text: string } | null;
  readonly memory_mode?: MemoryMode | null;
  /** Absent: this line says nothing about git. Present: the whole triple, absent members are cleared. */
  readonly git?: GitInfo | null;
  readonly [member: string]: unknown;
}

/** The settings a turn runs with, once per turn. */
export interface TurnContext {
  readonly turn_id?: string | null;
  readonly cwd: string;
  readonly model: string;
  readonly effort?: string | null;
  readonly [member: string]: unknown;
}

/** One item of the model's own history (OpenAI Responses API). */
export interface ResponseItem {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** The history up to here, replaced by a summary. */
export interface Compacted {
  readonly message: string;
  readonly replacement_history?: readonly ResponseItem[] | null;
  readonly [member: string]: unknown;
}

/** Tokens of one request or of many. */
export interface TokenUsage {
  readonly input_tokens: number;
  readonly cached_input_tokens: number;
  readonly output_tokens: number;
  readonly reasoning_output_tokens: number;
  readonly total_tokens: number;
}

/** The payload of a token_count: all tokens so far, and those of the last request. */
export interface TokenUsageInfo {
  readonly total_token_usage: TokenUsage;
  readonly last_token_usage: TokenUsage;
  readonly model_context_window?: number | null;
}

/** What happened, as the conversation shows it. `type` says which; the members are that kind's own. */
export interface EventMsg {
  readonly type: string;
  readonly [member: string]: unknown;
}

/** A type of line this version doesn't know; kept and copied as it is. */
export interface UnknownItem {
  readonly type: "unknown";
  /** The line's own `type`. */
  readonly recordType: string;
  readonly payload: unknown;
}

/** A complete line that is no record: not JSON, not an object, no type, a payload of the wrong shape. */
export interface UnreadableItem {
  readonly type: "unreadable";
  /** Why, for `skein verify`. */
  readonly reason: string;
}

/** The event. */
export type RolloutItem =
  | { readonly type: "session_meta"; readonly payload: SessionMeta }
  | { readonly type: "turn_context"; readonly payload: TurnContext }
  | { readonly type: "response_item"; readonly payload: ResponseItem }
  | { readonly type: "event_msg"; readonly payload: EventMsg }
  | { readonly type: "compacted"; readonly payload: Compacted }
  | UnknownItem
  | UnreadableItem;

/** The items a caller can append: not `unknown`, not `unreadable`. */
export type AppendableItem = Exclude<RolloutItem, UnknownItem | UnreadableItem>;

/** The types of appendable items. */
export const APPENDABLE_TYPES: ReadonlySet<string> = new Set([
  "session_meta",
  "turn_context",
  "response_item",
  "event_msg",
  "compacted",
] satisfies AppendableItem["type"][]);

/** One record of a thread: an item at its place in the log. */
export interface RolloutRecord {
  /** 0-based place in the thread's log. */
  readonly ordinal: number;
  /** The line's RFC 3339 timestamp; null where the line has none that can be read. */
  readonly timestamp: string | null;
  readonly item: RolloutItem;
  /** What Skein keeps beside the item on its own lines; absent on lines others wrote. */
  readonly marks?: RecordMarks;
}

/**
 * The `skein` member of a line. Codex ignores it.
 * A batch of n lines is atomic: line i says how many are still to come (`more` = n - 1 - i), and a log
 * whose last line still waits for more is cut back to the batch's start before the next append.
 */
export interface RecordMarks {
  /** Lines of the same append that follow this one. Absent means 0. */
  readonly more?: number;
  /** The append's idempotency key, on its last line. */
  readonly key?: string;
}
