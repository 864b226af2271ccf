/**
 * Runs one turn: asks the agent, records what it yields, tells what was recorded, and records the end.
 * It knows nothing of commands or lifecycles: its thread starts it, may abort it, and hears of its end
 * through the promise. The three tasks (turn, review, compact) differ only in what they leave.
 *
 * Invariants
 *   U1  What is announced as completed is durable first; deltas and starts don't wait.
 *   U2  Every run ends with exactly one end (completed, failed or interrupted) in the log, unless the
 *       store fails; then the run rejects with the store's fault and records nothing more.
 *   U3  After the abort nothing the agent yields is recorded, and an agent that doesn't stop is not
 *       waited for.
 */
import { fault, isSkeinError, LIMITS, type SkeinError } from "../base/index.ts";
import {
  type AppendableItem,
  type EventMsg,
  isPersisted,
  type ResponseItem,
  type ThreadItem,
  type TokenUsage,
  tokenUsageOf,
  validateAppendable,
} from "../events/index.ts";
import type { AgentEvent, AgentRequest } from "./agent.ts";
import { checkAgentEvent } from "./agent-event-check.ts";
import { agentFault } from "./agent-fault.ts";
import { AgentReader, type Ending } from "./agent-reader.ts";
import { isAssistantMessage, messageText } from "./agents/message-text.ts";
import { compactionItems } from "./compaction.ts";
import { type Conversation, contextItems, findTurn } from "./conversation.ts";
import { plainJson } from "./plain-json.ts";
import { parseFindings, reviewFindingsItems, reviewLeftItem, reviewPromptItem } from "./review-turn.ts";
import type { RunningTurn } from "./running-turn.ts";
import type { ThreadEnvironment } from "./thread-environment.ts";
import type { Signal } from "./thread-handle.ts";
import { eventItem } from "./record-items.ts";
import { completedItems, completionItem, failureItems, interruptionItems, turnEnd, usageItem } from "./turn-records.ts";
import { completedItem, eventItemId, findingsItems, leftItem, startedItem } from "./turn-signals.ts";

/** What a runner needs of its thread. */
export interface TurnHost {
  readonly id: string;
  readonly environment: ThreadEnvironment;
  readonly conversation: Conversation;
  /** Rejects with the store's fault, and then the thread is done for this run. */
  append(items: readonly AppendableItem[]): Promise<void>;
  tell(signal: Signal): void;
  /** Signals an item that is complete from the start. */
  tellItem(turnId: string, item: ThreadItem): void;
}

/** Events that only the thread itself records: an agent that yields one would corrupt the turns. */
const THREADS_OWN_KINDS: ReadonlySet<string> = new Set([
  "task_started",
  "turn_started",
  "task_complete",
  "turn_complete",
  "turn_aborted",
  "thread_rolled_back",
  "context_compacted",
  "entered_review_mode",
  "exited_review_mode",
  "user_message",
  "agent_message",
  "error",
  "token_count",
]);

/** Runs the turn to its recorded end. Rejects only with the store's fault. */
export async function runTurn(turn: RunningTurn, host: TurnHost): Promise<void> {
  tellProgress(turn, host);
  const ending = await askAgent(turn, host);
  const outcome = ending.type === "completed" ? outcomeOf(turn, host) : ending;
  turn.end();
  await append(endItems(turn, host, outcome), { turn, host });
  tellOutcome(turn, host, outcome);
}

async function askAgent(turn: RunningTurn, host: TurnHost): Promise<Ending> {
  const { agent, logger } = host.environment;
  const reader = new AgentReader(agent, turn.signal);
  const failure = reader.start(requestOf(turn, host));
  if (failure !== undefined) return { type: "failed", failure };
  try {
    for (;;) {
      const step = await reader.next();
      if (step.type !== "event") return step;
      const refusal = await takeEvent(step.event, turn, host);
      if (refusal !== undefined) return { type: "failed", failure: refusal };
    }
  } finally {
    void reader.leave(logger, host.id);
  }
}

function requestOf(turn: RunningTurn, host: TurnHost): AgentRequest {
  const { task, review, input, settings } = turn.plan;
  const history = contextItems(host.conversation);
  return {
    task,
    threadId: host.id,
    turnId: turn.id,
    context: review === null ? history : [...history, reviewPromptItem(review)],
    input,
    settings,
    signal: turn.signal,
    takeSteering: () => turn.takeSteering(),
    ask: (question) => turn.questions.ask(question),
  };
}

/** Records and tells one event. Gives a fault when the agent may not say this; rejects only with the store's. */
async function takeEvent(event: AgentEvent, turn: RunningTurn, host: TurnHost): Promise<SkeinError | undefined> {
  try {
    return await takeChecked(checkAgentEvent(event), turn, host);
  } catch (error) {
    if (error instanceof StoreFault) throw error.cause;
    return agentFault(error);
  }
}

async function takeChecked(event: AgentEvent, turn: RunningTurn, host: TurnHost): Promise<SkeinError | undefined> {
  const turnId = turn.id;
  const isSilent = turn.plan.task === "compact";
  switch (event.type) {
    case "item_started":
      if (!isSilent) host.tell({ type: "item_started", turnId, item: startedItem(event) });
      return undefined;
    case "text_delta":
      // A reviewer writes for a program; people get the findings when they are recorded.
      if (turn.plan.task === "turn")
        host.tell({ type: "text_delta", turnId, itemId: event.itemId, delta: event.delta });
      return undefined;
    case "reasoning_delta": {
      const { type, itemId, delta, summaryIndex } = event;
      const part = summaryIndex === undefined ? {} : { summaryIndex };
      if (!isSilent) host.tell({ type, turnId, itemId, delta, ...part });
      return undefined;
    }
    case "item_shown":
      return isSilent ? undefined : await takeShown(event.phase, event.item, { turn, host });
    case "item":
      return await takeItem(event.item, event.itemId, { turn, host });
    case "event":
      return await takeDisplayEvent(event.event, turn, host);
    case "usage":
      takeUsage(event.usage, event.contextWindow ?? null, turn);
      return turn.pending.length < LIMITS.usageReportsPendingMax ? undefined : await record([], { turn, host });
  }
}

interface Place {
  readonly turn: RunningTurn;
  readonly host: TurnHost;
}

/** Shows what isn't recorded. What was used before it is recorded first: the item may take long. */
async function takeShown(
  phase: "started" | "completed",
  item: ThreadItem,
  { turn, host }: Place,
): Promise<SkeinError | undefined> {
  const shown = plainJson(item);
  if (shown === undefined)
    return fault("agent_failed", `the agent showed an item of type ${item.type} that is no JSON`);
  const refusal = turn.pending.length === 0 ? undefined : await record([], { turn, host });
  if (refusal !== undefined) return refusal;
  // A copy of what was checked to be an item.
  host.tell({ type: `item_${phase}`, turnId: turn.id, item: shown as unknown as ThreadItem });
  return undefined;
}

async function takeItem(
  item: ResponseItem,
  itemId: string | undefined,
  { turn, host }: Place,
): Promise<SkeinError | undefined> {
  if (isAssistantMessage(item)) {
    const text = messageText(item);
    if (text !== "") turn.lastMessage = text;
  }
  const { task } = turn.plan;
  // Reviews and compactions record their outcome alone, when they end.
  if (task !== "turn") {
    if (task === "review" && item.type === "reasoning") tellCompleted(item, itemId, { turn, host });
    return undefined;
  }
  const refusal = await record(completedItems(item), { turn, host });
  if (refusal !== undefined) return refusal;
  tellCompleted(item, itemId, { turn, host });
  return undefined;
}

function tellCompleted(item: ResponseItem, itemId: string | undefined, { turn, host }: Place): void {
  const shown = completedItem(item, itemId ?? host.environment.ids.next());
  if (shown !== undefined) host.tell({ type: "item_completed", turnId: turn.id, item: shown });
}

async function takeDisplayEvent(event: EventMsg, turn: RunningTurn, host: TurnHost): Promise<SkeinError | undefined> {
  if (THREADS_OWN_KINDS.has(event.type)) {
    return fault("agent_failed", `the agent yielded the event ${event.type}, which only the thread records`);
  }
  const recorded = eventItem(event);
  if (!isPersisted(recorded)) return undefined;
  const refusal = await record([recorded], { turn, host });
  if (refusal !== undefined) return refusal;
  const id = eventItemId(event);
  const item = findTurn(host.conversation, turn.id)?.items.findLast((shown) => shown.id === id);
  if (item !== undefined) host.tell({ type: "item_completed", turnId: turn.id, item });
  return undefined;
}

/** A fault of the store, on its way past what an agent's mistake is made of. */
class StoreFault extends Error {}

/** Records what the agent gave. What the store can't take is the agent's mistake, and fails its turn. */
async function record(items: readonly AppendableItem[], { turn, host }: Place): Promise<SkeinError | undefined> {
  // Checked before the store has it: what throws here is the agent's, what the store throws is its own.
  const checked = validateAppendable(items);
  try {
    await append(checked, { turn, host });
    return undefined;
  } catch (error) {
    if (!isSkeinError(error, "invalid_argument")) throw new StoreFault("the store failed", { cause: error });
    return fault("agent_failed", `the agent yielded what can't be recorded: ${error.message}`, { cause: error });
  }
}

/** Appends with the usage that waited for it, and tells that first. */
async function append(items: readonly AppendableItem[], { turn, host }: Place): Promise<void> {
  const reports = turn.takePending();
  await host.append([...reports, ...items]);
  const usage = reports.length === 0 ? null : tokenUsageOf(host.conversation.usage);
  if (usage !== null) host.tell({ type: "usage_updated", turnId: turn.id, usage });
}

function takeUsage(usage: TokenUsage, contextWindow: number | null, turn: RunningTurn): void {
  const { item, total } = usageItem(turn.totalUsage, countsOf(usage), contextWindow);
  turn.totalUsage = total;
  turn.pending.push(item);
}

/** The counts alone: what else an agent put beside them is nobody's to record. */
function countsOf(usage: TokenUsage): TokenUsage {
  const { input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens, total_tokens } = usage;
  return { input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens, total_tokens };
}

/** A task that must leave something and didn't has failed. */
function outcomeOf(turn: RunningTurn, host: TurnHost): Ending {
  const { task } = turn.plan;
  if (task === "turn" || turn.lastMessage !== null) return { type: "completed" };
  const missing = task === "compact" ? "summary" : "findings";
  const { name } = host.environment.agent;
  return { type: "failed", failure: fault("agent_failed", `the agent ${name} gave no ${missing}`) };
}

function endItems(turn: RunningTurn, host: TurnHost, ending: Ending): readonly AppendableItem[] {
  const { task, start } = turn.plan;
  const end = turnEnd(start, host.environment.clock);
  const left = task === "review" ? [reviewLeftItem()] : [];
  switch (ending.type) {
    case "interrupted":
      return [...left, ...interruptionItems(turn.id, end)];
    case "failed":
      return [...left, ...failureItems(turn.id, ending.failure, end)];
    case "completed": {
      const message = turn.lastMessage;
      if (task === "compact") {
        const summary = compactionItems(contextItems(host.conversation), message ?? "");
        return [...summary, completionItem(turn.id, null, end)];
      }
      const findings = task === "review" ? reviewFindingsItems(parseFindings(message ?? "")) : [];
      return [...findings, completionItem(turn.id, message, end)];
    }
  }
}

function tellProgress(turn: RunningTurn, host: TurnHost): void {
  if (turn.plan.task !== "compact") return;
  host.tell({ type: "item_started", turnId: turn.id, item: { type: "contextCompaction", id: turn.id } });
}

/** What a review or a compaction leaves is told when its end is durable. */
function tellOutcome(turn: RunningTurn, host: TurnHost, ending: Ending): void {
  const { task } = turn.plan;
  const turnId = turn.id;
  const isCompleted = ending.type === "completed";
  if (task === "compact" && isCompleted) {
    host.tell({ type: "item_completed", turnId, item: { type: "contextCompaction", id: turnId } });
  } else if (task === "review") {
    const items = isCompleted ? findingsItems(turn, parseFindings(turn.lastMessage ?? "").text) : [leftItem(turn)];
    for (const item of items) host.tellItem(turnId, item);
  }
}
