/**
 * The threads of other nodes that one client is subscribed to, and what the client was last told of each: which
 * turn runs. When the owner is lost, that turn's end is what the client still waits for.
 */
import type { LinkNotification, NodeLink } from "./node-link.ts";
import { memberOf, threadIdOf } from "./relayed-questions.ts";

/** A thread that is followed over a link. */
export interface JoinedThread {
  readonly threadId: string;
  readonly link: NodeLink;
  /** The turn that ran when it was last heard of; null between turns. */
  activeTurnId: string | null;
}

/** The thread is put away or gone: it is followed no more. */
const ENDS: ReadonlySet<string> = new Set(["thread/archived", "thread/deleted"]);
/** They name a turn that need not run. */
const OF_NO_TURN: ReadonlySet<string> = new Set(["thread/tokenUsage/updated", "turn/completed"]);

export class JoinedThreads {
  readonly #byId = new Map<string, JoinedThread>();

  get size(): number {
    return this.#byId.size;
  }

  get(threadId: string): JoinedThread | undefined {
    return this.#byId.get(threadId);
  }

  /** From now on the thread is followed over this link. */
  enter(threadId: string, link: NodeLink): void {
    const known = this.#byId.get(threadId);
    if (known?.link !== link) this.#byId.set(threadId, { threadId, link, activeTurnId: null });
  }

  /** It is followed no more, over this link. */
  leave(threadId: string, link: NodeLink): void {
    if (this.#byId.get(threadId)?.link === link) this.#byId.delete(threadId);
  }

  of(link: NodeLink): readonly JoinedThread[] {
    return [...this.#byId.values()].filter((joined) => joined.link === link);
  }

  /** Takes note of what a node tells; whether the client hears of it. */
  told(link: NodeLink, { method, params }: LinkNotification): boolean {
    const threadId = threadIdOf(params);
    if (threadId === null) return false;
    // A copy that is made for a review is told of before the answer that names it.
    const source = method === "thread/started" ? memberOf(memberOf(params, "thread"), "forkedFromId") : undefined;
    if (typeof source === "string" && this.#byId.get(source)?.link === link) this.enter(threadId, link);
    const joined = this.#byId.get(threadId);
    if (joined?.link !== link) return false;
    if (ENDS.has(method)) this.#byId.delete(threadId);
    else if (method === "turn/completed") joined.activeTurnId = null;
    else noteTurn(joined, method, params);
    return true;
  }
}

function noteTurn(joined: JoinedThread, method: string, params: unknown): void {
  if (OF_NO_TURN.has(method)) return;
  const turnId = method === "turn/started" ? memberOf(memberOf(params, "turn"), "id") : memberOf(params, "turnId");
  if (typeof turnId === "string") joined.activeTurnId = turnId;
}

/** The turn that runs, by the answer of a request that names it; undefined where it names none. */
export function activeTurnIn(method: string, result: unknown): string | undefined {
  if (method === "turn/start" || method === "review/start") return textOf(memberOf(memberOf(result, "turn"), "id"));
  if (method !== "thread/resume") return undefined;
  const turns = memberOf(memberOf(result, "thread"), "turns");
  const last: unknown = Array.isArray(turns) ? turns.at(-1) : undefined;
  return memberOf(last, "status") === "inProgress" ? textOf(memberOf(last, "id")) : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
