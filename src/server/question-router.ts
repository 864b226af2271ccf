/**
 * What agents ask, on its way to the clients of the thread and back. A question goes to all subscribers under one
 * id; the first answer counts, an error only when nobody else may still answer, and everybody is told that it is
 * settled. A client that resumes the thread gets what is still open again. A question nobody is there for waits: the
 * turn can be interrupted.
 *
 * Invariants
 *   R1  Ids count from 0 in one process and are never used twice.
 *   R2  Only a client that was asked is heard.
 *   R3  An answer that doesn't have the protocol's shape is refused to the agent, never passed on.
 */
import type { AgentQuestion } from "../actors/index.ts";
import type { Logger } from "../base/index.ts";
import type { Json, JsonObject } from "../events/index.ts";
import type { ServerClient } from "./server-client.ts";
import { encodeServerRequest, SERVER_REQUESTS, type ServerRequestMethod } from "./protocol/index.ts";
import type { ServerThreads } from "./server-threads.ts";
import type { ThreadChannels } from "./thread-channels.ts";

/** The protocol's request for each kind of question. */
const METHODS: Readonly<Record<AgentQuestion["kind"], ServerRequestMethod>> = Object.freeze({
  commandApproval: "item/commandExecution/requestApproval",
  fileChangeApproval: "item/fileChange/requestApproval",
  userInput: "item/tool/requestUserInput",
  toolCall: "item/tool/call",
  permissions: "item/permissions/requestApproval",
});

interface OpenQuestion {
  readonly requestId: number;
  readonly threadId: string;
  readonly questionId: string;
  readonly method: ServerRequestMethod;
  readonly text: string;
  /** Clients that it was sent to, and that may still answer it. */
  readonly asked: Set<ServerClient>;
}

/** Where a question stands. */
export interface AskedQuestion {
  readonly threadId: string;
  readonly turnId: string;
  readonly questionId: string;
  readonly question: AgentQuestion;
}

interface RouterParts {
  readonly threads: ServerThreads;
  readonly channels: ThreadChannels<ServerClient>;
  readonly logger: Logger;
}

export class QuestionRouter {
  readonly #parts: RouterParts;
  readonly #open = new Map<number, OpenQuestion>();
  #nextId = 0;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  /** Questions without an answer. */
  get openCount(): number {
    return this.#open.size;
  }

  /** An id that no request of this process to a client has. */
  takeId(): number {
    const requestId = this.#nextId;
    this.#nextId += 1;
    return requestId;
  }

  /** Sends a question to whoever is subscribed. */
  ask({ threadId, turnId, questionId, question }: AskedQuestion): void {
    const requestId = this.takeId();
    const method = METHODS[question.kind];
    const params: JsonObject = { threadId, turnId, itemId: question.itemId, ...question.details };
    const text = encodeServerRequest(method, requestId, params);
    const asked = new Set<ServerClient>();
    this.#open.set(requestId, { requestId, threadId, questionId, method, text, asked });
    const { channels } = this.#parts;
    channels.inOrder(threadId, () => {
      for (const client of channels.subscribersOf(threadId)) {
        asked.add(client);
        client.send(text);
      }
    });
  }

  /** Sends what is open in a thread to a client that came later. */
  resend(threadId: string, client: ServerClient): void {
    for (const question of this.#open.values()) {
      if (question.threadId !== threadId) continue;
      question.asked.add(client);
      client.send(question.text);
    }
  }

  /** A client is gone. What only it was asked waits for who comes. */
  leave(client: ServerClient): void {
    for (const { asked } of this.#open.values()) asked.delete(client);
  }

  /** A client answered a request. Answers to what isn't open any more, or what it wasn't asked, are passed over. */
  answered(client: ServerClient, requestId: string | number, result: Json): void {
    const open = this.#find(client, requestId);
    if (open === undefined) return;
    const thread = this.#parts.threads.find(open.threadId);
    const checked = SERVER_REQUESTS[open.method].result.safeParse(result);
    if (checked.success) thread?.answer(open.questionId, result);
    else this.#refuse(open, client, `the client's answer to ${open.method} can't be read: ${checked.error.message}`);
  }

  /** A client answered with an error: it can't, or won't, answer. */
  refused(client: ServerClient, requestId: string | number, reason: string): void {
    const open = this.#find(client, requestId);
    if (open !== undefined) this.#refuse(open, client, reason);
  }

  /** The agent hears of a refusal when nobody is left who could answer instead. */
  #refuse(open: OpenQuestion, client: ServerClient, reason: string): void {
    open.asked.delete(client);
    if (open.asked.size === 0) this.#parts.threads.find(open.threadId)?.refuse(open.questionId, reason);
  }

  /** The thread says that the question is settled: everybody hears of it. */
  settled(threadId: string, questionId: string): void {
    for (const [requestId, open] of this.#open) {
      if (open.threadId !== threadId || open.questionId !== questionId) continue;
      this.#open.delete(requestId);
      const params = { threadId, requestId };
      this.#parts.channels.notify(threadId, "subscribers", { method: "serverRequest/resolved", params });
    }
  }

  #find(client: ServerClient, requestId: string | number): OpenQuestion | undefined {
    const open = typeof requestId === "number" ? this.#open.get(requestId) : undefined;
    if (open?.asked.has(client) === true) return open;
    this.#parts.logger.debug({ requestId, client: client.name }, "an answer to nothing that was asked");
    return undefined;
  }
}
