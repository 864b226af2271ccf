/**
 * Requests of other nodes' agents, on their way to one client and back. Each node counts its own from 0, so the
 * client sees them under ids of this server's; an answer goes to the node that asked, under its own id.
 */
import type { Json } from "../../events/index.ts";
import type { RequestId, RpcErrorBody } from "../protocol/index.ts";
import type { LinkQuestion, NodeLink } from "./node-link.ts";

interface OpenQuestion {
  readonly link: NodeLink;
  readonly id: RequestId;
  readonly threadId: string | null;
}

export class RelayedQuestions {
  readonly #takeId: () => number;
  /** By the id that the client knows. */
  readonly #open = new Map<number, OpenQuestion>();

  /** `takeId`: an id that no other request to this client has. */
  constructor(takeId: () => number) {
    this.#takeId = takeId;
  }

  /** The text of the request as the client gets it. One that is sent again keeps its id. */
  asked(link: NodeLink, { id, method, params }: LinkQuestion): string {
    const known = this.#find(link, id);
    const ownId = known ?? this.#takeId();
    if (known === undefined) this.#open.set(ownId, { link, id, threadId: threadIdOf(params) });
    return `{"method":${JSON.stringify(method)},"id":${ownId},"params":${JSON.stringify(params ?? null)}}`;
  }

  /** The node says that its request is settled: the id that the client knows it by. */
  settled(link: NodeLink, id: RequestId): number | undefined {
    const ownId = this.#find(link, id);
    if (ownId !== undefined) this.#open.delete(ownId);
    return ownId;
  }

  /** Hands the client's answer on. False where it answers no request of a node's. */
  answered(ownId: RequestId, result: Json): boolean {
    const open = typeof ownId === "number" ? this.#open.get(ownId) : undefined;
    open?.link.answer(open.id, result);
    return open !== undefined;
  }

  /** As `answered`, for a client that can't or won't. */
  refused(ownId: RequestId, body: RpcErrorBody): boolean {
    const open = typeof ownId === "number" ? this.#open.get(ownId) : undefined;
    open?.link.refuse(open.id, body);
    return open !== undefined;
  }

  /** A link is over: nobody waits for these answers any more. */
  lost(link: NodeLink): readonly { readonly requestId: number; readonly threadId: string }[] {
    const settled: { requestId: number; threadId: string }[] = [];
    for (const [requestId, open] of this.#open) {
      if (open.link !== link) continue;
      this.#open.delete(requestId);
      if (open.threadId !== null) settled.push({ requestId, threadId: open.threadId });
    }
    return settled;
  }

  #find(link: NodeLink, id: RequestId): number | undefined {
    for (const [ownId, open] of this.#open) if (open.link === link && open.id === id) return ownId;
    return undefined;
  }
}

/** The thread that a message of the protocol is about; null where it names none. */
export function threadIdOf(params: Json | undefined): string | null {
  const threadId = memberOf(params, "threadId");
  if (typeof threadId === "string") return threadId;
  const id = memberOf(memberOf(params, "thread"), "id");
  return typeof id === "string" ? id : null;
}

/** A member of an object of JSON; undefined of anything else. */
export function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}
