/**
 * A turn that runs: what its runner and the commands on it share. It exists from the moment its start
 * is durable until its end is.
 */
import { rejection, type SkeinError } from "../base/index.ts";
import type { AppendableItem, TokenUsage, Turn, UserInput } from "../events/index.ts";
import type { AgentTask, SteeredInput, TurnSettings } from "./agent.ts";
import { endedReason, OpenQuestions, type QuestionHost } from "./open-questions.ts";
import type { ReviewRequest } from "./review-turn.ts";
import type { TurnStart } from "./turn-records.ts";

/** What a turn is about. */
export interface TurnPlan {
  readonly task: AgentTask;
  readonly start: TurnStart;
  readonly settings: TurnSettings;
  /** Empty for a compaction. */
  readonly input: readonly UserInput[];
  /** Only of a review. */
  readonly review: ReviewRequest | null;
}

/** How a run ended: its end is recorded, or the store failed before it was. */
export type TurnOutcome = { readonly fault: null } | { readonly fault: SkeinError };

export class RunningTurn {
  readonly plan: TurnPlan;
  /** What its agent asked and nobody answered yet. */
  readonly questions: OpenQuestions;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<Turn>();
  #steering: SteeredInput[] = [];
  /** Settles when the runner is done. */
  outcome: Promise<TurnOutcome> = Promise.resolve({ fault: null });
  /** Usage that was reported and goes into the next append. */
  pending: AppendableItem[] = [];
  totalUsage: TokenUsage | null;
  lastMessage: string | null = null;
  /** What the store failed with under it. */
  fault: SkeinError | null = null;
  /** Its end is being recorded: nothing can be steered in any more. */
  isEnding = false;

  constructor(plan: TurnPlan, totalUsage: TokenUsage | null, host: Omit<QuestionHost, "turnId">) {
    const { ids } = host;
    this.plan = plan;
    this.questions = new OpenQuestions({ turnId: plan.start.turnId, ids, tell: (signal) => host.tell(signal) });
    this.totalUsage = totalUsage;
  }

  get id(): string {
    return this.plan.start.turnId;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves with the turn as it ended. Never rejects. */
  get ended(): Promise<Turn> {
    return this.#ended.promise;
  }

  /** Asks the agent to stop, and takes back what it asked. */
  abort(reason: SkeinError): void {
    this.#abort.abort(reason);
    this.questions.withdraw(this.signal.reason);
  }

  /** The agent is done: nothing can be steered in or asked any more. */
  end(): void {
    this.isEnding = true;
    this.questions.withdraw(endedReason(this.id));
  }

  /** Tells who waits how it ended. */
  settle(turn: Turn): void {
    this.#ended.resolve(turn);
  }

  /** Hands recorded input to the agent; it takes it when it asks. */
  steer(steered: SteeredInput): void {
    this.#steering.push(steered);
  }

  get steeredCount(): number {
    return this.#steering.length;
  }

  takeSteering(): readonly SteeredInput[] {
    const taken = this.#steering;
    this.#steering = [];
    return taken;
  }

  takePending(): readonly AppendableItem[] {
    const taken = this.pending;
    this.pending = [];
    return taken;
  }
}

/** Refuses a command about a turn that isn't the one that runs. */
export function requireTurn(turn: RunningTurn | null, turnId: string): RunningTurn {
  if (turn === null) throw rejection("no_turn_running", "no turn is running", { turnId });
  if (turn.id !== turnId) {
    throw rejection("turn_mismatch", `expected active turn id ${turnId} but found ${turn.id}`, {
      expectedTurnId: turnId,
      activeTurnId: turn.id,
    });
  }
  return turn;
}

/** A turn whose end could not be recorded, as its caller is told about it: with what `recorded` has of it. */
export function lostTurn(turn: RunningTurn, failure: SkeinError | null, recorded: Turn | undefined): Turn {
  const known: Turn = recorded ?? {
    id: turn.id,
    items: [],
    itemsView: "notLoaded",
    status: "interrupted",
    error: null,
    startedAt: Math.floor(turn.plan.start.startedAtMs / 1000),
    completedAt: null,
    durationMs: null,
  };
  if (failure === null) return known;
  const error = { message: failure.message, codexErrorInfo: "other", additionalDetails: null };
  return { ...known, status: "failed", error };
}
