/**
 * What threads say, as the protocol's notifications, in the peer's orders. It hears the runtime's signals
 * synchronously and keeps only what the orders need: the status that was told last, and which items of the running
 * turn were shown as started.
 *
 * Invariants
 *   N1  A status is told when it differs from the one told before, and a turn's end follows its status.
 *   N2  An item's completion follows its start, whether the agent announced it or not.
 *   N3  Of a thread that isn't loaded only one thing is told: that it no longer is. Not when the server stops, and
 *       not when another process has it now: whoever is subscribed is handed over to that.
 */
import type { ManagerEvent, RuntimeObserver, Signal } from "../actors/index.ts";
import type { Clock } from "../base/index.ts";
import type { ThreadItem, ThreadStatus, ThreadTokenUsage, Turn } from "../events/index.ts";
import type { ServerClient } from "./server-client.ts";
import type { NotificationMethod, NotificationParams } from "./protocol/index.ts";
import type { QuestionRouter } from "./question-router.ts";
import type { ServerThreads } from "./server-threads.ts";
import type { ThreadChannels } from "./thread-channels.ts";
import type { ThreadRights } from "./thread-rights.ts";
import { newTurn } from "./turn-params.ts";
import { toWireUsage } from "./wire-usage.ts";

interface NotifierParts {
  readonly threads: ServerThreads;
  readonly channels: ThreadChannels<ServerClient>;
  readonly questions: QuestionRouter;
  readonly rights: ThreadRights;
  readonly clock: Clock;
}

/** What is known of a loaded thread. */
interface Told {
  status: ThreadStatus;
  /** Items of the running turn that were shown as started, and reasoning parts, by id. */
  readonly started: Set<string>;
}

type UnloadReason = Extract<ManagerEvent, { readonly type: "thread_unloaded" }>["reason"];

export class ThreadNotifier implements RuntimeObserver {
  readonly #parts: NotifierParts;
  readonly #told = new Map<string, Told>();
  #isStopping = false;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  event(event: ManagerEvent): void {
    switch (event.type) {
      case "thread_loaded":
        this.#told.set(event.threadId, { status: { type: "idle" }, started: new Set() });
        break;
      case "thread_unloaded":
        this.#unloaded(event.threadId, event.reason);
        break;
      case "signal":
        this.#signal(event.threadId, event.signal);
        break;
    }
  }

  keepsLoaded(threadId: string): boolean {
    return this.#parts.channels.hasSubscribers(threadId);
  }

  /**
   * The server stops: that its threads are unloaded is not told any more. Clients hear how turns ended, then their
   * connections end; who connects again finds the threads where they were.
   */
  stopping(): void {
    this.#isStopping = true;
  }

  /** Tells the status whether or not it is new: a thread that was resumed from its log. */
  announceStatus(threadId: string): void {
    const status = this.#parts.threads.find(threadId)?.status() ?? { type: "notLoaded" };
    this.#tellStatus(threadId, status);
  }

  /** Usage as it stands, to one client or to all subscribers. */
  tellUsage(usage: {
    readonly threadId: string;
    readonly turnId: string;
    readonly tokenUsage: ThreadTokenUsage;
  }): void {
    const { threadId, turnId, tokenUsage } = usage;
    const params = { threadId, turnId, tokenUsage: toWireUsage(tokenUsage) };
    this.#tell(threadId, "thread/tokenUsage/updated", params);
  }

  #unloaded(threadId: string, reason: UnloadReason): void {
    this.#told.delete(threadId);
    this.#parts.rights.forget(threadId);
    if (this.#isStopping) return;
    const { channels } = this.#parts;
    if (reason === "taken") {
      const subscribers = channels.subscribersOf(threadId);
      channels.dissolve(threadId);
      for (const client of subscribers) client.threadTaken(threadId);
      return;
    }
    this.#tellStatus(threadId, { type: "notLoaded" });
    if (reason === "closed" || reason === "idle" || reason === "failed") {
      this.#tellAll(threadId, "thread/closed", { threadId });
    }
    channels.dissolve(threadId);
  }

  #signal(threadId: string, signal: Signal): void {
    const told = this.#told.get(threadId);
    if (told === undefined) return;
    switch (signal.type) {
      case "turn_started":
        told.started.clear();
        this.#refreshStatus(threadId, told);
        this.#tell(threadId, "turn/started", { threadId, turn: startedTurn(signal) });
        break;
      case "item_started":
        this.#itemStarted(threadId, signal.turnId, signal.item);
        break;
      case "item_completed":
        this.#itemCompleted(threadId, signal.turnId, signal.item);
        break;
      case "text_delta": {
        const { turnId, itemId, delta } = signal;
        this.#tell(threadId, "item/agentMessage/delta", { threadId, turnId, itemId, delta });
        break;
      }
      case "reasoning_delta":
        this.#reasoningDelta(threadId, told, signal);
        break;
      case "usage_updated":
        this.tellUsage({ threadId, turnId: signal.turnId, tokenUsage: signal.usage });
        break;
      case "question_asked":
        this.#refreshStatus(threadId, told);
        this.#parts.questions.ask({ threadId, ...signal });
        break;
      case "question_settled":
        this.#parts.questions.settled(threadId, signal.questionId);
        this.#refreshStatus(threadId, told);
        break;
      case "turn_completed":
        this.#turnCompleted(threadId, told, signal.turn);
        break;
      case "status_changed":
        // A turn's beginning tells its own status, for some items are shown before it.
        if (signal.state === "failed" || signal.state === "idle") this.#refreshStatus(threadId, told);
        break;
    }
  }

  #itemStarted(threadId: string, turnId: string, item: ThreadItem): void {
    this.#told.get(threadId)?.started.add(item.id);
    const startedAtMs = Math.round(this.#parts.clock.nowMs());
    this.#tell(threadId, "item/started", { item, threadId, turnId, startedAtMs });
  }

  #itemCompleted(threadId: string, turnId: string, item: ThreadItem): void {
    if (this.#told.get(threadId)?.started.has(item.id) !== true) this.#itemStarted(threadId, turnId, unfinished(item));
    const completedAtMs = Math.round(this.#parts.clock.nowMs());
    this.#tell(threadId, "item/completed", { item, threadId, turnId, completedAtMs });
  }

  #reasoningDelta(threadId: string, told: Told, signal: Extract<Signal, { readonly type: "reasoning_delta" }>): void {
    const { turnId, itemId, delta, summaryIndex = 0 } = signal;
    const part = `${itemId}#${summaryIndex}`;
    if (!told.started.has(part)) {
      told.started.add(part);
      this.#tell(threadId, "item/reasoning/summaryPartAdded", { threadId, turnId, itemId, summaryIndex });
    }
    this.#tell(threadId, "item/reasoning/summaryTextDelta", { threadId, turnId, itemId, delta, summaryIndex });
  }

  #turnCompleted(threadId: string, told: Told, turn: Turn): void {
    const { id: turnId, status, error } = turn;
    told.started.clear();
    const now = this.#parts.threads.find(threadId)?.status();
    // A thread that is being unloaded counts its turn as running to the end; for clients it ends first.
    const ended = { type: status === "failed" ? "systemError" : "idle" } as const;
    this.#changeStatus(threadId, told, now === undefined || now.type === "active" ? ended : now);
    if (status === "failed" && error !== null) {
      this.#tell(threadId, "error", { error, willRetry: false, threadId, turnId });
    }
    this.#tell(threadId, "turn/completed", { threadId, turn: { ...turn, items: [], itemsView: "notLoaded" } });
  }

  #refreshStatus(threadId: string, told: Told): void {
    const status = this.#parts.threads.find(threadId)?.status();
    if (status !== undefined) this.#changeStatus(threadId, told, status);
  }

  #changeStatus(threadId: string, told: Told, status: ThreadStatus): void {
    if (isSameStatus(status, told.status)) return;
    told.status = status;
    this.#tellStatus(threadId, status);
  }

  #tellStatus(threadId: string, status: ThreadStatus): void {
    this.#tellAll(threadId, "thread/status/changed", { threadId, status });
  }

  /** To the thread's subscribers. */
  #tell<Method extends NotificationMethod>(threadId: string, method: Method, params: NotificationParams<Method>): void {
    this.#parts.channels.notify(threadId, "subscribers", { method, params });
  }

  /** To every client. */
  #tellAll<Method extends NotificationMethod>(
    threadId: string,
    method: Method,
    params: NotificationParams<Method>,
  ): void {
    this.#parts.channels.notify(threadId, "all", { method, params });
  }
}

function startedTurn({ turnId, startedAt }: Extract<Signal, { readonly type: "turn_started" }>): Turn {
  return { ...newTurn(turnId), startedAt };
}

/** The item as it is when it begins: a message without its text. */
function unfinished(item: ThreadItem): ThreadItem {
  if (item.type === "agentMessage") return { ...item, text: "" };
  return item.type === "reasoning" ? { ...item, summary: [], content: [] } : item;
}

function isSameStatus(a: ThreadStatus, b: ThreadStatus): boolean {
  if (a.type !== "active" || b.type !== "active") return a.type === b.type;
  return a.activeFlags.length === b.activeFlags.length && a.activeFlags.every((flag, i) => flag === b.activeFlags[i]);
}
