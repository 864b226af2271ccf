/**
 * What agents ask, on its way to the clients of the thread and back. A question goes to all subscribers under one
 * id; the first answer counts, and everybody is told that it is settled. A client that resumes the thread gets what
 * is still open again. A question nobody is there for waits: the turn can be interrupted.
 *
 * Invariants
 *   R1  Ids count from 0 in one process and are never used twice.
 *   R2  An answer that doesn't have the protocol's shape is refused to the agent, never passed on.
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

  /** Sends a question to whoever is subscribed. */
  ask({ threadId, turnId, questionId, question }: AskedQuestion): void {
    const requestId = this.#nextId;
    this.#nextId += 1;
    const method = METHODS[question.kind];
    const params: JsonObject = { threadId, turnId, itemId: question.itemId, ...question.details };
    const text = encodeServerRequest(method, requestId, params);
    this.#open.set(requestId, { requestId, threadId, questionId, method, text });
    const { channels } = this.#parts;
    channels.inOrder(threadId, () => {
      for (const client of channels.subscribersOf(threadId)) client.send(text);
    });
  }

  /** Sends what is open in a thread to a client that came later. */
  resend(threadId: string, client: ServerClient): void {
    for (const question of this.#open.values()) {
      if (question.threadId === threadId) client.send(question.text);
    }
  }

  /** A client answered a request. Answers to what isn't open any more, or never was, are passed over. */
  answered(requestId: string | number, result: Json): void {
    const open = this.#find(requestId);
    if (open === undefined) return;
    const thread = this.#parts.threads.find(open.threadId);
    const checked = SERVER_REQUESTS[open.method].result.safeParse(result);
    if (checked.success) thread?.answer(open.questionId, result);
    else
      thread?.refuse(open.questionId, `the client's answer to ${open.method} can't be read: ${checked.error.message}`);
  }

  /** A client answered with an error. */
  refused(requestId: string | number, reason: string): void {
    const open = this.#find(requestId);
    if (open !== undefined) this.#parts.threads.find(open.threadId)?.refuse(open.questionId, reason);
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

  #find(requestId: string | number): OpenQuestion | undefined {
    const open = typeof requestId === "number" ? this.#open.get(requestId) : undefined;
    if (open === undefined) this.#parts.logger.debug({ requestId }, "an answer to nothing that was asked");
    return open;
  }
}
