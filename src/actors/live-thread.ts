/**
 * LiveThread: the actor of one loaded thread. Its lifecycle is the machine's (live-thread-machine.ts),
 * its conversation the log's (thread-log.ts), what a turn does stands in turn-runner.ts, and what can be
 * asked of it in live-thread-handle.ts; here they are joined.
 *
 * Invariants
 *   A1  A turn id that is handed out is recorded, and its turn runs until its end is recorded or the
 *       store fails.
 *   A2  At most one turn runs.
 *   A3  A store fault fails the thread: the command that met it gets the fault, the waiting ones
 *       `thread_failed`; it opens again from its log, with what the log says.
 *   A4  After closing, every command is refused with `thread_closed` and nothing can be appended.
 *   A5  A thread that another process took over is not opened again here: it is unloaded, and every command gets
 *       what says who has it.
 */
import { createActor } from "xstate";

import { fault, isSkeinError, type SkeinError } from "../base/index.ts";
import type { AppendableItem, Thread, ThreadItem, ThreadStatus, Turn } from "../events/index.ts";
import type { StoredThread, StoreEvent } from "../store/index.ts";
import type { TurnSettings } from "./agent.ts";
import { CommandMailbox } from "./command-mailbox.ts";
import { type Conversation, findTurn, hasEnd, totalUsageOf } from "./conversation.ts";
import type { IdleThread } from "./idle-sweeper.ts";
import type { LifecycleEffects } from "./lifecycle-effects.ts";
import { type LiveThreadActor, liveThreadMachine } from "./live-thread-machine.ts";
import { lostTurn, RunningTurn, type TurnOutcome, type TurnPlan } from "./running-turn.ts";
import type { ThreadEnvironment, UnloadReason } from "./thread-environment.ts";
import type { LiveThreadState, Signal, StartedTurn, ThreadSnapshot } from "./thread-handle.ts";
import { abandonedFault, closedError, ThreadLog, type ThreadOrigin } from "./thread-log.ts";
import { ThreadSettings } from "./thread-settings.ts";
import { snapshotOf, statusOf, summaryOf, type ThreadFace } from "./thread-snapshot.ts";
import { runTurn, type TurnHost } from "./turn-runner.ts";
import { openingItems, reviewMarker } from "./turn-signals.ts";

export class LiveThread implements LifecycleEffects, IdleThread, TurnHost {
  readonly id: string;
  readonly environment: ThreadEnvironment;
  readonly log: ThreadLog;
  readonly #mailbox = new CommandMailbox();
  readonly #actor: LiveThreadActor;
  #state: LiveThreadState = "opening";
  #turn: RunningTurn | null = null;
  readonly #settings: ThreadSettings;
  #fault: SkeinError | null = null;
  #closeFault: SkeinError | null = null;
  #restarts = 0;
  #isOpen = false;
  #lastTurnFailed = false;
  #unloadReason: UnloadReason | null = null;
  /** Settles with the lifecycle: `opened` while it opens for the first time, `closed` for who waits for it. */
  #opened: PromiseWithResolvers<void> | null = Promise.withResolvers<void>();
  #closed: PromiseWithResolvers<void> | null = null;
  #releasing: Promise<void> | null = null;
  #opening: Promise<unknown> | null = null;
  /** Signals are told from the moment the thread is announced until it is unloaded. */
  #isAnnounced = false;
  #isUnloaded = false;

  constructor(environment: ThreadEnvironment, origin: ThreadOrigin, overrides: Partial<TurnSettings>) {
    this.environment = environment;
    this.log = new ThreadLog(environment, origin);
    this.id = this.log.threadId;
    this.#settings = new ThreadSettings(environment, overrides);
    this.#actor = createActor(liveThreadMachine, { input: { effects: this }, clock: environment.machineClock });
  }

  get state(): LiveThreadState {
    return this.#state;
  }

  get conversation(): Conversation {
    return this.log.conversation;
  }

  get turn(): RunningTurn | null {
    return this.#turn;
  }

  /** Opens for the first time. Rejects with why it could not; then the thread is closed. */
  async start(): Promise<void> {
    const opened = this.#opened?.promise;
    this.#actor.start();
    await opened;
  }

  /** What a turn that asks for these options runs with. */
  settings(options: Partial<TurnSettings> = {}): TurnSettings {
    const { cwd } = this.log.stored;
    return this.#settings.next({ conversation: this.conversation, cwd }, options);
  }

  snapshot(): ThreadSnapshot {
    const { conversation } = this;
    return snapshotOf(this.#face, { conversation, stored: this.log.stored, settings: this.settings() });
  }

  status(): ThreadStatus {
    return statusOf(this.#face);
  }

  summary(): Thread {
    return summaryOf(this.#face, this.log.stored);
  }

  /** Runs a command when those before it are done. `mailbox_full`, `thread_closed`, `thread_failed`. */
  async command<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    this.#requireOpen();
    return await this.#mailbox.run(async () => {
      this.#requireOpen();
      const answer = await work();
      if (this.#state === "idle") this.environment.idle.touch(this);
      return answer;
    });
  }

  /** Appends one batch. A fault of the store fails the thread and is thrown. */
  async append(items: readonly AppendableItem[]): Promise<void> {
    await this.guard(() => this.log.append(items));
    this.#restarts = 0;
  }

  /** Does something with the writer; a fault of the store fails the thread and is thrown (A3). */
  async guard(work: () => Promise<void>): Promise<void> {
    const { hold } = this.log;
    try {
      await work();
    } catch (error) {
      const failure = asFault(error, this.id);
      // A writer that was let go in the meantime says nothing about the thread.
      if (failure.kind === "fault" && hold === this.log.hold) this.#fail(failure);
      throw failure;
    }
  }

  /** Runs a turn whose start was recorded. */
  begin(plan: TurnPlan): StartedTurn {
    const { ids } = this.environment;
    const turn = new RunningTurn(plan, totalUsageOf(this.conversation), { ids, tell: (signal) => this.tell(signal) });
    this.#turn = turn;
    this.#settings.recorded(plan.settings);
    // Codex's order: a review's marker comes before its turn.
    for (const item of reviewMarker(turn)) this.tellItem(turn.id, item);
    this.#lastTurnFailed = false;
    this.#actor.send({ type: "turn.started", task: plan.task });
    this.tell({ type: "turn_started", turnId: turn.id, startedAt: Math.floor(plan.start.startedAtMs / 1000) });
    for (const item of openingItems(turn, () => ids.next())) this.tellItem(turn.id, item);
    turn.outcome = this.#run(turn);
    return { turnId: turn.id, completed: turn.ended };
  }

  /** Signals an item that is complete from the start. */
  tellItem(turnId: string, item: ThreadItem): void {
    this.tell({ type: "item_started", turnId, item });
    this.tell({ type: "item_completed", turnId, item });
  }

  tell(signal: Signal): void {
    if (this.#isAnnounced && !this.#isUnloaded) this.environment.tell(this.id, signal);
  }

  get isAnnounced(): boolean {
    return this.#isAnnounced;
  }

  /** The manager told that the thread is loaded. */
  announce(): void {
    this.#isAnnounced = true;
  }

  /** Unloads; the first reason stands. Resolves when the writer is released, rejects when flushing failed. */
  unload(reason: UnloadReason): Promise<void> {
    if (this.#state === "closed") return Promise.resolve();
    this.#unloadReason ??= reason;
    this.#closed ??= Promise.withResolvers<void>();
    this.#actor.send({ type: "close" });
    return this.#closed.promise;
  }

  /** Lets the writer go, and everybody who waits, without waiting for anything; for a shutdown that ran out of time. */
  abandon(): void {
    const failure = abandonedFault(this.id);
    this.#turn?.abort(failure);
    this.#mailbox.abandon(failure);
    this.#settleLostTurn(failure);
    this.#tellUnloaded("closed");
    this.#closed?.reject(failure);
    this.#opened?.reject(failure);
    void this.log.release();
  }

  take(event: StoreEvent): void {
    this.log.take(event);
  }

  moved(stored: StoredThread): void {
    this.log.moved(stored);
  }

  // What the machine asks (LifecycleEffects).

  entered(state: LiveThreadState): void {
    try {
      this.#enter(state);
    } catch (error) {
      // An action that throws would stop the machine without a word; a bug is at least heard of.
      this.environment.logger.error({ error, threadId: this.id, state }, "a bug in entering a state");
    }
  }

  #enter(state: LiveThreadState): void {
    if (state === this.#state && state !== "opening") return;
    const before = this.#state;
    this.#state = state;
    if (before !== state) this.tell({ type: "status_changed", state });
    if (before === "idle") this.environment.idle.forget(this);
    if (state === "idle") this.#enteredIdle();
    else if (state === "failed") this.#enteredFailed();
    else if (state === "closed") this.#enteredClosed();
  }

  async open(signal: AbortSignal): Promise<void> {
    if (this.#isOpen) this.#restarts += 1;
    await this.#releasing;
    await this.#turn?.outcome;
    const opening = this.log.open(signal);
    this.#opening = opening.catch(() => null);
    try {
      await opening;
    } catch (error) {
      if (!signal.aborted) this.#fault = asFault(error, this.id);
      throw error;
    } finally {
      this.#opening = null;
    }
  }

  async close(): Promise<void> {
    this.#mailbox.refuseWaiting(closedError(this.id));
    await this.#mailbox.settled();
    await this.#opening;
    await this.#releasing;
    const turn = this.#turn;
    const wasDown = this.#fault !== null;
    turn?.abort(closedError(this.id));
    const outcome = await turn?.outcome;
    if (!wasDown) this.#closeFault = outcome?.fault ?? null;
    try {
      await this.log.shutdown();
    } catch (error) {
      this.#closeFault = asFault(error, this.id);
      this.environment.logger.error({ error, threadId: this.id }, "a thread could not be flushed as it closed");
    }
  }

  mayUnload(): boolean {
    return !this.#mailbox.isBusy && !this.environment.hasSubscribers(this.id);
  }

  mayRestart(): boolean {
    return !this.#wasTaken && this.#restarts < this.environment.restart.attemptsMax;
  }

  wasOpen(): boolean {
    return this.#isOpen;
  }

  idleElapsed(): void {
    if (this.#state !== "idle") return;
    if (this.mayUnload()) this.#actor.send({ type: "unload" });
    else this.environment.idle.touch(this);
  }

  restartDelayMs(): number {
    const { backoffMs, backoffMaxMs } = this.environment.restart;
    return Math.min(backoffMaxMs, backoffMs * 2 ** this.#restarts);
  }

  async #run(turn: RunningTurn): Promise<TurnOutcome> {
    try {
      await runTurn(turn, this);
    } catch (error) {
      const failure = asFault(error, this.id);
      // A bug in the runner ends here too: the log is right, the actor starts again from it.
      if (this.#turn === turn) this.#fail(failure);
      return { fault: this.#state === "failed" ? (this.#fault ?? failure) : failure };
    }
    const ended = findTurn(this.conversation, turn.id);
    this.#turn = null;
    this.#lastTurnFailed = ended?.status === "failed";
    this.#actor.send({ type: "turn.ended" });
    this.#settleTurn(turn, ended ?? lostTurn(turn, null, undefined));
    return { fault: null };
  }

  #settleTurn(turn: RunningTurn, ended: Turn): void {
    this.tell({ type: "turn_completed", turn: ended });
    turn.settle(ended);
  }

  /**
   * A turn the store failed under: if the log has its end, it is that; else it failed, and why is told
   * here alone. Nothing more is recorded of it (a store that has just failed isn't one to rely on), so
   * the log reads as interrupted from then on.
   */
  #settleLostTurn(failure: SkeinError | null): void {
    const turn = this.#turn;
    if (turn === null) return;
    this.#turn = null;
    const recorded = findTurn(this.conversation, turn.id);
    if (recorded !== undefined && hasEnd(this.conversation, turn.id)) this.#settleTurn(turn, recorded);
    else this.#settleTurn(turn, lostTurn(turn, turn.fault ?? failure, recorded));
  }

  #fail(failure: SkeinError): void {
    const { logger } = this.environment;
    if (this.#state === "failed" || this.#state === "closed") return;
    this.#fault = failure;
    if (this.#turn !== null) this.#turn.fault ??= failure;
    logger.error({ error: failure, threadId: this.id, state: this.#state }, "a thread failed");
    this.#actor.send({ type: "fault", fault: failure });
  }

  #enteredIdle(): void {
    this.#isOpen = true;
    this.#fault = null;
    this.#opened?.resolve();
    this.#opened = null;
    this.environment.idle.touch(this);
    this.#settleLostTurn(null);
  }

  #enteredFailed(): void {
    this.#mailbox.refuseWaiting(this.#failedError());
    this.#turn?.abort(this.#failedError());
    this.#releasing = this.log.release();
    if (this.mayRestart()) return;
    this.#settleLostTurn(this.#fault);
    this.#tellUnloaded(this.#wasTaken ? "taken" : "failed");
  }

  #enteredClosed(): void {
    this.#settleLostTurn(this.#fault);
    if (this.#opened !== null) {
      this.#opened.reject(this.#fault ?? closedError(this.id));
      this.#opened = null;
    }
    if (this.#isOpen) this.#tellUnloaded(this.#unloadReason ?? "idle");
    if (this.#closeFault === null) this.#closed?.resolve();
    else this.#closed?.reject(this.#closeFault);
  }

  #tellUnloaded(reason: UnloadReason): void {
    if (this.#isUnloaded) return;
    this.#isUnloaded = true;
    this.environment.unloaded(this, reason);
  }

  get #face(): ThreadFace {
    const isDown = this.#state !== "closing" && this.#state !== "closed";
    return {
      state: this.#state,
      turn: this.#turn,
      failure: isDown ? this.#fault : null,
      lastTurnFailed: this.#lastTurnFailed,
    };
  }

  #requireOpen(): void {
    if (this.#state === "failed" || (this.#state === "opening" && this.#isOpen)) throw this.#failedError();
    if (this.#state === "closing" || this.#state === "closed" || !this.#isOpen) throw closedError(this.id);
  }

  /** Another process writes the thread now (A5). */
  get #wasTaken(): boolean {
    return this.#fault?.code === "thread_owned_elsewhere";
  }

  #failedError(): SkeinError {
    if (this.#wasTaken && this.#fault !== null) return this.#fault;
    const reason = this.#fault?.message ?? "no reason is known";
    const retryable = this.mayRestart();
    const advice = retryable ? "it opens again from its log" : "resume it through the manager";
    return fault("thread_failed", `thread ${this.id} failed (${reason}); ${advice}`, {
      retryable,
      data: { threadId: this.id, cause: this.#fault?.code ?? null, restarts: this.#restarts },
      cause: this.#fault,
    });
  }
}

/** What a failing store or a bug threw, as the error a caller gets. */
function asFault(error: unknown, threadId: string): SkeinError {
  if (isSkeinError(error)) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return fault("thread_failed", `thread ${threadId} failed: ${reason}`, { data: { threadId }, cause: error });
}
