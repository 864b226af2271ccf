/**
 * Which requests go to the node that owns their thread. All that name a thread do, but those that every node
 * answers from the store: feeds of recorded events and forks, which only read their source.
 */
import { canonicalThreadId, isSkeinError } from "../../base/index.ts";
import { isWebSocketUrl } from "../transports/index.ts";

/** Answered where they are asked, whoever owns the thread. */
const HERE: ReadonlySet<string> = new Set([
  "thread/fork",
  "thread/goal/get",
  "thread/events/subscribe",
  "thread/events/checkpoint/read",
  "thread/events/checkpoint/delete",
]);

/** Doing these twice is doing them once: an owner that was lost before it answered is asked again, or its heir. */
const REPEATABLE: ReadonlySet<string> = new Set([
  "thread/resume",
  "thread/unsubscribe",
  "thread/read",
  "thread/turns/list",
  "thread/items/list",
  "thread/turns/items/list",
  "thread/name/set",
  "thread/metadata/update",
  "thread/memoryMode/set",
]);

/** They do something with a thread that is loaded, and tell its subscribers: the client is made one first. */
const NEEDS_JOIN: ReadonlySet<string> = new Set([
  "turn/start",
  "turn/steer",
  "turn/interrupt",
  "thread/compact/start",
  "review/start",
  "thread/rollback",
  "thread/revert",
  "thread/inject_items",
]);

/** The thread whose owner answers this request; null for requests that are answered here. */
export function relayedThreadId(method: string, params: unknown): string | null {
  if (HERE.has(method) || typeof params !== "object" || params === null) return null;
  const { threadId, history, path } = params as Readonly<Record<string, unknown>>;
  // These make a new thread, or name a file of this machine: the id that is given is not looked at.
  const isOther = (history ?? null) !== null || (path ?? null) !== null;
  // One that is no id is refused here.
  return typeof threadId === "string" && !isOther ? (canonicalThreadId(threadId) ?? null) : null;
}

/** Whether asking again does no harm. */
export function isRepeatable(method: string): boolean {
  return REPEATABLE.has(method);
}

/** Whether the client must be subscribed to the thread at its owner first. */
export function needsJoin(method: string): boolean {
  return NEEDS_JOIN.has(method);
}

/** Where the owner of the thread is; null where the error says no such thing. */
export function ownerUrlOf(error: unknown): string | null {
  if (!isSkeinError(error, "thread_owned_elsewhere")) return null;
  const { url } = error.data;
  return typeof url === "string" && isWebSocketUrl(url) ? url : null;
}
