/**
 * What the agent of one turn asks, until somebody answers. Questions live as long as their turn and are
 * recorded nowhere: a thread that is loaded again has none.
 *
 * Invariants
 *   Q1  A question is settled once, and told so: answered, refused, or withdrawn with its turn.
 *   Q2  At most LIMITS.openQuestionsMax are open; after the withdrawal none is.
 */
import { fault, type IdSource, LIMITS, rejection, type SkeinError } from "../base/index.ts";
import type { Json, JsonObject, ThreadStatus } from "../events/index.ts";
import type { AgentQuestion } from "./agent.ts";
import { plainJson } from "./plain-json.ts";
import type { OpenQuestion, Signal } from "./thread-handle.ts";

type ActiveFlag = Extract<ThreadStatus, { readonly type: "active" }>["activeFlags"][number];

/** What a client's person is waited for with; a tool call waits for a program. */
const FLAGS: Readonly<Record<AgentQuestion["kind"], ActiveFlag | null>> = Object.freeze({
  commandApproval: "waitingOnApproval",
  fileChangeApproval: "waitingOnApproval",
  permissions: "waitingOnApproval",
  userInput: "waitingOnUserInput",
  toolCall: null,
});
const NONE: readonly never[] = Object.freeze([]);

/** What questions need of their turn. */
export interface QuestionHost {
  readonly turnId: string;
  readonly ids: IdSource;
  tell(signal: Signal): void;
}

interface Waiting {
  readonly open: OpenQuestion;
  readonly answered: PromiseWithResolvers<Json>;
}

export class OpenQuestions {
  readonly #host: QuestionHost;
  readonly #waiting = new Map<string, Waiting>();
  /** Why nothing can be asked any more. */
  #withdrawal: { readonly reason: unknown } | null = null;

  constructor(host: QuestionHost) {
    this.#host = host;
  }

  /** The open ones, oldest first. */
  get list(): readonly OpenQuestion[] {
    if (this.#waiting.size === 0) return NONE;
    return Array.from(this.#waiting.values(), ({ open }) => open);
  }

  /** What is waited for, as a thread's status says it. */
  get flags(): readonly ActiveFlag[] {
    if (this.#waiting.size === 0) return NONE;
    const flags = new Set<ActiveFlag>();
    for (const { open } of this.#waiting.values()) {
      const flag = FLAGS[open.question.kind];
      if (flag !== null) flags.add(flag);
    }
    return [...flags].sort();
  }

  /** As AgentRequest.ask. Never throws, and an agent that forgets the promise harms nobody. */
  ask(asked: AgentQuestion): Promise<Json> {
    const answered = Promise.withResolvers<Json>();
    answered.promise.catch(() => {});
    const question = this.#withdrawal === null ? checkedQuestion(asked) : null;
    if (this.#withdrawal !== null) answered.reject(this.#withdrawal.reason);
    else if (question === null) answered.reject(fault("agent_failed", "the agent asked what is no question"));
    else if (this.#waiting.size >= LIMITS.openQuestionsMax) answered.reject(tooMany(this.#waiting.size));
    else this.#open(question, answered);
    return answered.promise;
  }

  /** False where it is not open. */
  answer(questionId: string, answer: Json): boolean {
    const answered = this.#take(questionId);
    answered?.resolve(answer);
    if (answered !== undefined) this.#tellSettled(questionId);
    return answered !== undefined;
  }

  /** False where it is not open. */
  refuse(questionId: string, reason: string): boolean {
    const answered = this.#take(questionId);
    answered?.reject(fault("agent_failed", `the question was refused: ${reason}`, { data: { questionId } }));
    if (answered !== undefined) this.#tellSettled(questionId);
    return answered !== undefined;
  }

  /** Nobody can be asked any more; the first reason stands. */
  withdraw(reason: unknown): void {
    this.#withdrawal ??= { reason };
    for (const questionId of this.#waiting.keys()) {
      this.#take(questionId)?.reject(this.#withdrawal.reason);
      this.#tellSettled(questionId);
    }
  }

  #open(question: AgentQuestion, answered: PromiseWithResolvers<Json>): void {
    const { turnId, ids } = this.#host;
    const questionId = ids.next();
    this.#waiting.set(questionId, { open: { questionId, turnId, question }, answered });
    this.#host.tell({ type: "question_asked", turnId, questionId, question });
  }

  #take(questionId: string): PromiseWithResolvers<Json> | undefined {
    const waiting = this.#waiting.get(questionId);
    this.#waiting.delete(questionId);
    return waiting?.answered;
  }

  #tellSettled(questionId: string): void {
    this.#host.tell({ type: "question_settled", turnId: this.#host.turnId, questionId });
  }
}

/** Why questions end with their turn. */
export function endedReason(turnId: string): SkeinError {
  return rejection("no_turn_running", `turn ${turnId} ended before the question was answered`, { turnId });
}

/** A copy of the question, or null where it is none. */
function checkedQuestion(asked: unknown): AgentQuestion | null {
  const copy = plainJson(asked);
  if (typeof copy !== "object" || copy === null || Array.isArray(copy)) return null;
  const { kind, itemId, details } = copy as JsonObject;
  if (typeof kind !== "string" || !Object.hasOwn(FLAGS, kind) || typeof itemId !== "string") return null;
  if (typeof details !== "object" || details === null || Array.isArray(details)) return null;
  return { kind: kind as AgentQuestion["kind"], itemId, details: details as JsonObject };
}

function tooMany(open: number): SkeinError {
  return fault("agent_failed", `${open} questions of the turn wait for an answer; ask when some are settled`, {
    data: { open, openMax: LIMITS.openQuestionsMax },
  });
}
