/**
 * The agent: the port to whatever answers. It gets what the model should see, the new input and an
 * abort signal, and yields items and deltas. It stores nothing and knows no thread store: the thread
 * that runs it records what it yields before anybody is told.
 *
 * An agent fails a turn by throwing; a SkeinError keeps its code and `retryable`. When the signal
 * aborts it should stop soon; what it yields afterwards is dropped.
 */
import type { EventMsg, Json, JsonObject, ResponseItem, ThreadItem, TokenUsage, UserInput } from "../events/index.ts";

/** Why the agent is asked: an ordinary turn, a review of something, or a summary of the context. */
export type AgentTask = "turn" | "review" | "compact";

/**
 * What a turn runs with; recorded as its turn_context. Overrides stick for the thread's later turns.
 * The recorded turn_context leaves out approval_policy, sandbox_policy and summary: Skein grants no rights,
 * and Codex then passes it over and resumes with its own settings and instructions (docs/decisions/0001).
 * It also names the agent: a model that another of Skein's agents ran with isn't taken over by this one.
 */
export interface TurnSettings {
  readonly model: string;
  readonly cwd: string;
  readonly effort?: string | null;
  readonly instructions?: string;
  /** JSON Schema the final message must follow, where the agent can. */
  readonly outputSchema?: Json;
  /**
   * Tools that a client answers: a call of one is a question of kind `toolCall`. Not recorded; they stick for
   * the thread's later turns while it is loaded.
   */
  readonly tools?: readonly DynamicTool[];
}

/** A tool that whoever is with the thread answers, not the agent itself. */
export interface DynamicTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly inputSchema: Json;
  /** Tools of one namespace are shown to the model together; null or absent: on its own. */
  readonly namespace?: string | null;
}

/** What an agent asks whoever is with the thread: a client, a person. */
export interface AgentQuestion {
  readonly kind: "commandApproval" | "fileChangeApproval" | "userInput" | "toolCall" | "permissions";
  /** The item it is about. */
  readonly itemId: string;
  /** The protocol's own members of the matching server request, without threadId, turnId and itemId. */
  readonly details: JsonObject;
}

/** What an agent is given for one run. */
export interface AgentRequest {
  readonly task: AgentTask;
  readonly threadId: string;
  readonly turnId: string;
  /** The model context, oldest first; the new input is its last user message. */
  readonly context: readonly ResponseItem[];
  readonly input: readonly UserInput[];
  readonly settings: TurnSettings;
  /** Aborted on interrupt and on close. */
  readonly signal: AbortSignal;
  /**
   * Input that was steered into the running turn since the last call; already recorded and to be
   * answered in this turn. An agent that loops asks before each model request, and once more before it
   * ends; what no agent took is carried into the context of the next turn.
   */
  takeSteering(): readonly SteeredInput[];
  /**
   * Asks whoever is with the thread, and resolves with the answer; nothing of it is recorded. It waits until
   * somebody answers: with nobody there, until the turn is interrupted. Rejects with the signal's reason then,
   * with `no_turn_running` when the turn ends first, with `agent_failed` when the question is refused, is none,
   * or LIMITS.openQuestionsMax others are open; an agent may catch that and go on.
   */
  ask(question: AgentQuestion): Promise<Json>;
}

/** Input that was added to a turn while it ran. */
export interface SteeredInput {
  readonly input: readonly UserInput[];
  /** The same input as the model sees it. */
  readonly item: ResponseItem;
}

/** What an agent yields, in order. */
export type AgentEvent =
  /** An item begins: shown as started, not stored. `itemId` joins it with its deltas and its end. */
  | {
      readonly type: "item_started";
      readonly itemId: string;
      readonly kind: "agentMessage" | "reasoning";
      /** Of a message: whether it is commentary or the final answer, where the model says so. */
      readonly phase?: string;
    }
  /** Text as it comes. Never stored, never waited for. */
  | { readonly type: "text_delta"; readonly itemId: string; readonly delta: string }
  | {
      readonly type: "reasoning_delta";
      readonly itemId: string;
      readonly delta: string;
      /** Which part of the summary, from 0. Default 0. */
      readonly summaryIndex?: number;
    }
  /** An item that is shown and never recorded: a command that runs, a call of a client's tool. */
  | { readonly type: "item_shown"; readonly phase: "started" | "completed"; readonly item: ThreadItem }
  /**
   * An item is complete: recorded as a response_item, beside the display events it makes
   * (agent_message, agent_reasoning).
   */
  | { readonly type: "item"; readonly item: ResponseItem; readonly itemId?: string }
  /** A display event of its own (patch_apply_end, web_search_end, …), recorded when the policy keeps its kind. */
  | { readonly type: "event"; readonly event: EventMsg }
  /** Usage of the last model request; totals are kept by the thread. */
  | { readonly type: "usage"; readonly usage: TokenUsage; readonly contextWindow?: number };

/** The port. Deterministic agents make deterministic threads. */
export interface Agent {
  /** For messages and the originator of usage: "echo", "scripted", "responses". */
  readonly name: string;
  /**
   * Recorded as the thread's model_provider. Null for agents no other program knows (echo, scripted):
   * the file then names none and Codex resumes the thread with the provider it is configured for; a name
   * it doesn't know it refuses (docs/decisions/0001).
   */
  readonly provider: string | null;
  /** Used where the caller gives no model. */
  readonly defaultModel: string;
  /**
   * Runs one task. `compact` must end with exactly one assistant message: the summary. `review` ends
   * with an assistant message: the findings.
   */
  run(request: AgentRequest): AsyncIterable<AgentEvent>;
}
