/**
 * The handle of a loaded thread. Each command is checked when it comes, decided on the state it meets
 * when its turn in the mailbox has come, recorded in one append, and answered when that is durable. A
 * command that is refused recorded nothing. What the commands share with the lifecycle stands in
 * live-thread.ts.
 */
import { LIMITS, rejection, type SkeinError, toShownValue } from "../base/index.ts";
import type {
  AppendableItem,
  EventMsg,
  Json,
  ResponseItem,
  Thread,
  ThreadStatus,
  Turn,
  UserInput,
} from "../events/index.ts";
import { type StoredThread, type ThreadMetadataPatch, validateMetadataPatch } from "../store/index.ts";
import type { AgentTask, TurnSettings } from "./agent.ts";
import { checkCallOptions } from "./call-options.ts";
import { contextItems, contextWindowOf, findTurn, visibleTurns } from "./conversation.ts";
import { checkDynamicTools } from "./dynamic-tools.ts";
import { checkInput, toUserItem } from "./input-items.ts";
import type { LiveThread } from "./live-thread.ts";
import { checkReviewTarget, reviewEntryItems } from "./review-turn.ts";
import { requireTurn, type RunningTurn, type TurnPlan } from "./running-turn.ts";
import type { ReviewTarget, StartedTurn, ThreadHandle, ThreadSnapshot, TurnOptions } from "./thread-handle.ts";
import { closedError } from "./thread-log.ts";
import { eventItem, responseItem } from "./record-items.ts";
import { turnOpening, type TurnStart, userInputItems } from "./turn-records.ts";
import { userMessage } from "./turn-signals.ts";

/** The most a rollback marker can say: Codex reads it as a 32-bit number. */
const ROLLBACK_TURNS_MAX = 0xffff_ffff;

export class LiveThreadHandle implements ThreadHandle {
  readonly #thread: LiveThread;

  constructor(thread: LiveThread) {
    this.#thread = thread;
  }

  get id(): string {
    return this.#thread.id;
  }

  snapshot(): ThreadSnapshot {
    return this.#thread.snapshot();
  }

  status(): ThreadStatus {
    return this.#thread.status();
  }

  summary(): Thread {
    return this.#thread.summary();
  }

  modelContext(): readonly ResponseItem[] {
    return contextItems(this.#thread.conversation);
  }

  async startTurn(input: readonly UserInput[] | string, options: TurnOptions = {}): Promise<StartedTurn> {
    const parts = checkInput(input);
    const asked = checkSettings(options);
    return await this.#thread.command(async () => {
      if (this.#thread.turn?.isEnding === true) await this.#turnEnded(this.#thread.turn);
      const opening = this.#open("turn", asked);
      await this.#thread.append([...opening.items, ...userInputItems(parts)]);
      return this.#thread.begin({ ...opening.plan, input: parts, review: null });
    });
  }

  async steer(turnId: string, input: readonly UserInput[] | string): Promise<void> {
    const parts = checkInput(input);
    await this.#thread.command(async () => {
      const turn = requireTurn(this.#thread.turn, turnId);
      const { task } = turn.plan;
      if (task !== "turn") {
        throw rejection("turn_not_steerable", `cannot steer a ${task} turn`, { turnId, task });
      }
      if (turn.isEnding || turn.signal.aborted) {
        throw rejection("no_turn_running", `turn ${turnId} is ending`, { turnId });
      }
      if (turn.steeredCount >= LIMITS.mailboxCommandsMax) {
        throw rejection("mailbox_full", "the agent took none of the input steered into this turn so far", {
          waiting: turn.steeredCount,
        });
      }
      await this.#thread.append(userInputItems(parts));
      turn.steer({ input: parts, item: toUserItem(parts) });
      const { ids } = this.#thread.environment;
      this.#thread.tellItem(turnId, userMessage(ids.next(), parts));
    });
  }

  async interrupt(turnId: string): Promise<Turn> {
    return await this.#thread.command(async () => {
      const turn = requireTurn(this.#thread.turn, turnId);
      turn.abort(rejection("no_turn_running", "the turn was interrupted", { turnId }));
      const outcome = await turn.outcome;
      if (outcome.fault !== null) throw outcome.fault;
      return findTurn(this.#thread.conversation, turnId) ?? (await turn.ended);
    });
  }

  answer(questionId: string, answer: Json): boolean {
    return this.#thread.turn?.questions.answer(questionId, answer) ?? false;
  }

  refuse(questionId: string, reason: string): boolean {
    return this.#thread.turn?.questions.refuse(questionId, reason) ?? false;
  }

  async compact(): Promise<StartedTurn> {
    return await this.#thread.command(async () => {
      if (this.#thread.turn?.isEnding === true) await this.#turnEnded(this.#thread.turn);
      const opening = this.#open("compact");
      await this.#thread.append(opening.items);
      return this.#thread.begin({ ...opening.plan, input: [], review: null });
    });
  }

  async review(target: ReviewTarget): Promise<StartedTurn> {
    const review = checkReviewTarget(target);
    return await this.#thread.command(async () => {
      if (this.#thread.turn?.isEnding === true) await this.#turnEnded(this.#thread.turn);
      const opening = this.#open("review");
      await this.#thread.append([...opening.items, ...reviewEntryItems(review)]);
      const input = [{ type: "text", text: review.prompt } as const];
      return this.#thread.begin({ ...opening.plan, input, review });
    });
  }

  async injectItems(items: readonly ResponseItem[]): Promise<void> {
    checkInjected(items);
    await this.#thread.command(() => this.#thread.append(items.map(responseItem)));
  }

  async rollback(numTurns: number): Promise<ThreadSnapshot> {
    if (!Number.isSafeInteger(numTurns) || numTurns < 1) {
      throw invalid("numTurns must be a whole number >= 1", { numTurns: toShownValue(numTurns) });
    }
    const count = Math.min(numTurns, ROLLBACK_TURNS_MAX);
    return await this.#rollBack(() => ({ type: "thread_rolled_back", num_turns: count }));
  }

  async revert(beforeTurnId: string): Promise<ThreadSnapshot> {
    return await this.#rollBack(() => {
      const turns = visibleTurns(this.#thread.conversation, null);
      const index = turns.findLastIndex((turn) => turn.id === beforeTurnId);
      if (index < 0) throw rejection("turn_not_found", `turn not found: ${beforeTurnId}`, { turnId: beforeTurnId });
      return { type: "thread_rolled_back", num_turns: turns.length - index, before_turn_id: beforeTurnId };
    });
  }

  async updateMetadata(patch: ThreadMetadataPatch): Promise<StoredThread> {
    const { id, environment } = this.#thread;
    validateMetadataPatch(patch);
    return await this.#thread.command(() => environment.store.updateThreadMetadata({ threadId: id, patch }));
  }

  async materialize(): Promise<void> {
    await this.#thread.command(() => this.#thread.guard(() => this.#thread.log.materialize()));
  }

  async flush(): Promise<void> {
    await this.#thread.command(() => this.#thread.guard(() => this.#thread.log.flush()));
  }

  async close(): Promise<void> {
    await this.#thread.unload("closed");
  }

  /** Only while no turn runs. Decides on the turns as they are then. */
  async #rollBack(decide: () => EventMsg): Promise<ThreadSnapshot> {
    return await this.#thread.command(async () => {
      this.#requireNoTurn();
      const marker = eventItem(decide());
      // A thread without a log has no turns to drop, and is not made by dropping none.
      if (this.#thread.conversation.nextOrdinal > 0) {
        await this.#thread.log.prepareFor([marker]);
        await this.#thread.append([marker]);
      }
      return this.#thread.snapshot();
    });
  }

  /** What every turn begins with. */
  #open(
    task: AgentTask,
    asked: Partial<TurnSettings> = {},
  ): { readonly items: readonly AppendableItem[]; readonly plan: Pick<TurnPlan, "task" | "start" | "settings"> } {
    this.#requireNoTurn();
    const { environment, conversation } = this.#thread;
    const settings = this.#thread.settings(asked);
    const { clock, ids } = environment;
    const start: TurnStart = {
      turnId: ids.next(),
      startedAtMs: clock.nowMs(),
      startedMonotonicMs: clock.monotonicMs(),
    };
    const recorded = { ...settings, agent: environment.agent.name };
    const items = turnOpening(start, recorded, contextWindowOf(conversation));
    return { items, plan: { task, start, settings } };
  }

  /** A turn whose end is being recorded takes no input any more: what would begin waits for that. */
  async #turnEnded(turn: RunningTurn): Promise<void> {
    const { fault } = await turn.outcome;
    if (fault !== null) throw fault;
  }

  #requireNoTurn(): void {
    const { turn, id, state } = this.#thread;
    if (turn !== null) {
      throw rejection("turn_running", `turn ${turn.id} is running`, { activeTurnId: turn.id });
    }
    if (state !== "idle") throw closedError(id);
  }
}

/** Settings as asked for, without those left undefined. `invalid_argument` where a text is blank. */
export function checkSettings(options: TurnOptions): Partial<TurnSettings> {
  checkCallOptions("turn", options);
  for (const field of ["model", "cwd"] as const) {
    const value: unknown = options[field];
    if (value !== undefined && (typeof value !== "string" || value.trim() === "")) {
      throw invalid(`${field} must not be blank`, { field });
    }
  }
  const { effort, instructions } = options as { readonly effort?: unknown; readonly instructions?: unknown };
  if (effort !== undefined && effort !== null && typeof effort !== "string")
    throw invalid("effort must be a word or null");
  if (instructions !== undefined && typeof instructions !== "string") throw invalid("instructions must be text");
  const { tools } = options;
  const own = tools === undefined ? options : { ...options, tools: checkDynamicTools(tools) };
  return Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
}

/** `invalid_argument` unless these are 1 to LIMITS.appendItemsMax items with a type. */
function checkInjected(items: readonly ResponseItem[]): void {
  if (!Array.isArray(items) || items.length === 0) throw invalid("items must not be empty");
  if (items.length > LIMITS.appendItemsMax) {
    throw invalid(`items must be ${LIMITS.appendItemsMax} at most`, { items: items.length });
  }
  checkResponseItems(items);
}

/** `invalid_argument` where an item is no object with a type. */
export function checkResponseItems(items: readonly unknown[]): void {
  for (const [index, item] of items.entries()) {
    const type = typeof item === "object" && item !== null ? (item as { type?: unknown }).type : undefined;
    if (typeof type !== "string" || type === "") {
      throw invalid(`items[${index}] is not a response item: it has no type`, { index });
    }
  }
}

function invalid(message: string, data: Readonly<Record<string, string | number>> = {}): SkeinError {
  return rejection("invalid_argument", message, data);
}
