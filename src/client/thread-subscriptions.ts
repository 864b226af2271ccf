/**
 * The threads that a client hears notifications of, as its own requests and the server's notifications tell: so that
 * they can be subscribed to again when the connection was lost.
 */
import { CLIENT_LIMITS } from "./client-limits.ts";

const SUBSCRIBES: ReadonlySet<string> = new Set(["thread/start", "thread/resume", "thread/fork"]);
const UNSUBSCRIBES: ReadonlySet<string> = new Set(["thread/unsubscribe", "thread/archive", "thread/delete"]);
const ENDS: ReadonlySet<string> = new Set(["thread/closed", "thread/archived", "thread/deleted"]);

export class ThreadSubscriptions {
  /** In the order in which they were subscribed to. */
  readonly #threadIds = new Set<string>();

  get threadIds(): readonly string[] {
    return [...this.#threadIds];
  }

  /** A request was granted. */
  answered(method: string, params: unknown, result: unknown): void {
    if (SUBSCRIBES.has(method)) this.#add(textMember(memberOf(result, "thread"), "id"));
    else if (method === "review/start") this.#add(textMember(result, "reviewThreadId"));
    else if (UNSUBSCRIBES.has(method)) this.forget(textMember(params, "threadId"));
  }

  /** A notification came. */
  notified(method: string, params: unknown): void {
    if (ENDS.has(method)) this.forget(textMember(params, "threadId"));
  }

  forget(threadId: string | undefined): void {
    if (threadId !== undefined) this.#threadIds.delete(threadId);
  }

  #add(threadId: string | undefined): void {
    if (threadId === undefined) return;
    this.#threadIds.delete(threadId);
    this.#threadIds.add(threadId);
    const [oldest] = this.#threadIds;
    if (this.#threadIds.size > CLIENT_LIMITS.threadsMax) this.forget(oldest);
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function textMember(value: unknown, name: string): string | undefined {
  const member = memberOf(value, name);
  return typeof member === "string" ? member : undefined;
}
