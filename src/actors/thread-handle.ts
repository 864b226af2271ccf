/**
 * ThreadHandle: what a caller holds of a loaded thread. Every method is a command to the thread's
 * actor; its promise settles when the command is done and what it says stands on the disk.
 *
 * Rejections leave nothing behind. A handle of a thread that was unloaded or removed answers
 * `thread_closed`; ask the manager for a new one.
 */
import type {
  Json,
  ResponseItem,
  Thread,
  ThreadItem,
  ThreadStatus,
  ThreadTokenUsage,
  Turn,
  UserInput,
} from "../events/index.ts";
import type { StoredThread, ThreadMetadataPatch } from "../store/index.ts";
import type { AgentQuestion, TurnSettings } from "./agent.ts";

/** Lifecycle of a loaded thread, the states of its machine. */
export type LiveThreadState =
  | "opening"
  | "idle"
  | "turnRunning"
  | "reviewing"
  | "compacting"
  | "closing"
  | "closed"
  | "failed";

/** Settings of one turn; they stick for the thread's later turns. */
export type TurnOptions = Partial<TurnSettings>;

/** A turn that was accepted: it is recorded and it runs. */
export interface StartedTurn {
  readonly turnId: string;
  /**
   * Resolves with the turn as it ended (completed, interrupted or failed), after that was recorded. Never
   * rejects. When the store failed before the end could be recorded, the turn is `failed` with the store's
   * message as its error; that is told here alone: the log reads as interrupted from then on.
   */
  readonly completed: Promise<Turn>;
}

/** What a review looks at. */
export type ReviewTarget =
  | { readonly type: "uncommittedChanges" }
  | { readonly type: "baseBranch"; readonly branch: string }
  | { readonly type: "commit"; readonly sha: string; readonly title?: string }
  | { readonly type: "custom"; readonly instructions: string };

/** A live delta or progress. Never stored, never replayed. */
export type Signal =
  | {
      readonly type: "turn_started";
      readonly turnId: string;
      /** Seconds since the epoch, as the turn's record has it. */
      readonly startedAt: number;
    }
  | { readonly type: "item_started"; readonly turnId: string; readonly item: ThreadItem }
  | { readonly type: "item_completed"; readonly turnId: string; readonly item: ThreadItem }
  | { readonly type: "text_delta"; readonly turnId: string; readonly itemId: string; readonly delta: string }
  | {
      readonly type: "reasoning_delta";
      readonly turnId: string;
      readonly itemId: string;
      readonly delta: string;
      /** Which part of the summary; absent: 0. */
      readonly summaryIndex?: number;
    }
  /** What the thread used so far, once it is durable; before anything else that was recorded with it is told. */
  | { readonly type: "usage_updated"; readonly turnId: string; readonly usage: ThreadTokenUsage }
  /** The agent asks; answer with `ThreadHandle.answer` or `refuse`. */
  | {
      readonly type: "question_asked";
      readonly turnId: string;
      readonly questionId: string;
      readonly question: AgentQuestion;
    }
  /** The question is open no more: answered, refused, or withdrawn because its turn was interrupted or ended. */
  | { readonly type: "question_settled"; readonly turnId: string; readonly questionId: string }
  | { readonly type: "turn_completed"; readonly turn: Turn }
  | { readonly type: "status_changed"; readonly state: LiveThreadState };

/** The live state of a thread at one ordinal. */
export interface ThreadSnapshot {
  readonly state: LiveThreadState;
  /** Records folded so far; equals the log's length. */
  readonly nextOrdinal: number;
  /** The protocol's Thread, turns filled, the running turn last. Of old ones only outlines where `excludeTurns` was asked for. */
  readonly thread: Thread;
  readonly activeTurnId: string | null;
  /** Why the thread is `failed`; null otherwise. */
  readonly failure: string | null;
  /** What the next turn runs with where it says nothing else. */
  readonly settings: NextTurnSettings;
  /** What was used so far, and the turn it is shown with ("" where there is none); null before the first report. */
  readonly usage: ShownUsage | null;
  /** What the agent asked and nobody answered yet, oldest first. */
  readonly questions: readonly OpenQuestion[];
}

/** What a turn runs with that says nothing of its own. */
export interface NextTurnSettings {
  readonly model: string;
  readonly effort: string | null;
  readonly cwd: string;
}

/** A thread's usage and the turn it is shown with. */
export interface ShownUsage {
  readonly usage: ThreadTokenUsage;
  readonly turnId: string;
}

/** A question that waits for its answer. */
export interface OpenQuestion {
  readonly questionId: string;
  readonly turnId: string;
  readonly question: AgentQuestion;
}

/** A loaded thread, to whoever commands it. See the file's head. */
export interface ThreadHandle {
  readonly id: string;
  /** The state now, without touching the disk. */
  snapshot(): ThreadSnapshot;
  /** What the thread is doing. Costs nothing, whatever the thread's length. */
  status(): ThreadStatus;
  /** The protocol's Thread without its turns. Costs little, whatever the thread's length. */
  summary(): Thread;
  /** Items the model would see now. */
  modelContext(): readonly ResponseItem[];

  /** Starts a turn. `empty_input`, `turn_running` (data: activeTurnId), `mailbox_full`. */
  startTurn(input: readonly UserInput[] | string, options?: TurnOptions): Promise<StartedTurn>;
  /** Adds input to the running turn. `no_turn_running`, `turn_mismatch`, `turn_not_steerable` (review, compaction), `empty_input`. */
  steer(turnId: string, input: readonly UserInput[] | string): Promise<void>;
  /** Aborts the running turn; resolves when the abort is recorded. `no_turn_running`, `turn_mismatch`. */
  interrupt(turnId: string): Promise<Turn>;
  /** Answers what the agent asked. False where the question is not open (any more). */
  answer(questionId: string, answer: Json): boolean;
  /** Lets the agent's question fail with this reason. False where the question is not open (any more). */
  refuse(questionId: string, reason: string): boolean;
  /** Replaces the model context by a summary of it, as a turn of its own. */
  compact(): Promise<StartedTurn>;
  /** A review turn in this thread. Detached reviews: ThreadManager.review. */
  review(target: ReviewTarget): Promise<StartedTurn>;
  /** Adds items to the model's history without a turn. */
  injectItems(items: readonly ResponseItem[]): Promise<void>;

  /**
   * Drops the last `numTurns` turns (more than there are: all; a thread without a log stays without one).
   * Only while no turn runs. As Codex does it, the turns that people see and the user turns in the model's
   * context are each counted back on their own; a compaction or a shell command is shown as a turn and is
   * no user turn, so behind one the two may drop different turns. `revert` names the turn and cuts both
   * exactly there.
   */
  rollback(numTurns: number): Promise<ThreadSnapshot>;
  /** Drops this turn and all after it; `turn_not_found` when it isn't among the turns. */
  revert(beforeTurnId: string): Promise<ThreadSnapshot>;

  updateMetadata(patch: ThreadMetadataPatch): Promise<StoredThread>;
  /** Makes the thread visible in lists before its first turn. */
  materialize(): Promise<void>;
  /** Resolves when everything recorded is synced to the disk. */
  flush(): Promise<void>;
  /** Unloads: interrupts a running turn, flushes, releases the writer. Idempotent. */
  close(): Promise<void>;
}

/** What the manager tells whoever composes it (the runtime hands it to the feeds). */
export type ManagerEvent =
  | { readonly type: "thread_loaded"; readonly threadId: string }
  | {
      readonly type: "thread_unloaded";
      readonly threadId: string;
      /** `failed`: its store failed it, and went on doing so. `taken`: another process writes it now. */
      readonly reason: "closed" | "idle" | "archived" | "deleted" | "failed" | "taken";
    }
  | { readonly type: "signal"; readonly threadId: string; readonly signal: Signal };

/** Who hears what threads say as they say it. */
export interface RuntimeObserver {
  /** Told synchronously and in order what the threads say; must not throw (what it throws is logged). */
  event(event: ManagerEvent): void;
  /** Whether an idle thread stays loaded for this observer. */
  keepsLoaded?(threadId: string): boolean;
}
