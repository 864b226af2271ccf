/**
 * Reads what an agent yields, step by step, against the turn's abort signal. An agent is other people's
 * code: whatever it answers or throws, and whenever, is a step or a failure of its turn, never an
 * exception on the thread's own stack and never a promise nobody holds.
 *
 * Invariants
 *   R1  `next` never rejects and, once the signal aborted, answers `interrupted` without waiting.
 *   R2  An agent that yields without ever waiting leaves the event loop its turns: at the latest after
 *       LIMITS.agentEventsPerLoopTurn events, so that an interrupt or a shutdown reaches it.
 */
import { fault, LIMITS, type Logger, nextLoopTurn, type SkeinError } from "../base/index.ts";
import type { Agent, AgentEvent, AgentRequest } from "./agent.ts";
import { agentFault } from "./agent-fault.ts";

/** How asking an agent ended. */
export type Ending =
  | { readonly type: "completed" | "interrupted" }
  | { readonly type: "failed"; readonly failure: SkeinError };

/** The agent's next event (unchecked beyond being an object), or its end. */
export type AgentStep = { readonly type: "event"; readonly event: AgentEvent } | Ending;

const INTERRUPTED = { type: "interrupted" } as const;

export class AgentReader {
  readonly #agent: Agent;
  readonly #signal: AbortSignal;
  #iterator: AsyncIterator<unknown> | null = null;
  /** Set anew for each step, so that nothing piles up on the signal. */
  #onAbort: (() => void) | null = null;
  #eventsInLoopTurn = 0;

  constructor(agent: Agent, signal: AbortSignal) {
    this.#agent = agent;
    this.#signal = signal;
    signal.addEventListener("abort", this.#hearAbort, { once: true });
  }

  /** Asks the agent; gives why it could not be asked. */
  start(request: AgentRequest): SkeinError | undefined {
    try {
      const iterator: unknown = this.#agent.run(request)[Symbol.asyncIterator]();
      if (typeof iterator !== "object" || iterator === null) throw new TypeError("the agent gave no iterator");
      this.#iterator = iterator as AsyncIterator<unknown>;
      return undefined;
    } catch (error) {
      return agentFault(error);
    }
  }

  /** The agent's next event, its end, or the abort, whichever is first. */
  async next(): Promise<AgentStep> {
    if (this.#eventsInLoopTurn >= LIMITS.agentEventsPerLoopTurn) {
      this.#eventsInLoopTurn = 0;
      await nextLoopTurn();
    }
    this.#eventsInLoopTurn += 1;
    if (this.#signal.aborted) return INTERRUPTED;
    const aborted = new Promise<AgentStep>((resolve) => {
      this.#onAbort = (): void => resolve(INTERRUPTED);
    });
    return await Promise.race([this.#step(), aborted]);
  }

  /** Lets a generator clean up; one that doesn't stop is left behind. */
  async leave(logger: Logger, threadId: string): Promise<void> {
    this.#signal.removeEventListener("abort", this.#hearAbort);
    try {
      await this.#iterator?.return?.();
    } catch (error) {
      logger.warn({ error, threadId, agent: this.#agent.name }, "an agent failed while it was stopped");
    }
  }

  readonly #hearAbort = (): void => this.#onAbort?.();

  async #step(): Promise<AgentStep> {
    try {
      const result: unknown = await this.#iterator?.next();
      if (typeof result !== "object" || result === null) throw fault("agent_failed", "the agent gave no step");
      const { done, value } = result as { readonly done?: unknown; readonly value?: unknown };
      if (done === true) return { type: "completed" };
      if (typeof value === "object" && value !== null) return { type: "event", event: value as AgentEvent };
      throw fault("agent_failed", `the agent yielded ${value === null ? "null" : typeof value}, which is no event`);
    } catch (error) {
      return { type: "failed", failure: agentFault(error) };
    }
  }
}
