/**
 * scriptedAgent: plays a script, for tests and simulations. The n-th run plays the n-th turn of the
 * script; when the script is over it plays `otherwise`. It keeps the requests it got, so that a test
 * can look at what a model would have seen.
 */
import { type Clock, sleep, systemClock } from "../../base/index.ts";
import type { Json, ResponseItem, TokenUsage } from "../../events/index.ts";
import type { Agent, AgentEvent, AgentQuestion, AgentRequest, SteeredInput } from "../agent.ts";
import { assistantMessage, inputText } from "./message-text.ts";

/** One step of a scripted turn. */
export type ScriptStep =
  /** Starts, streams (one delta) and completes an assistant message. */
  | { readonly say: string }
  /** Starts, streams and completes a reasoning item. */
  | { readonly reason: string }
  /** Yields these events as they are. */
  | { readonly events: readonly AgentEvent[] }
  /** Yields a completed item without a start or deltas. */
  | { readonly item: ResponseItem }
  /** Reports usage; what is left out is 0, the total is the sum of input and output. */
  | { readonly usage: Partial<TokenUsage>; readonly contextWindow?: number }
  /** Waits on the clock, or until aborted. */
  | { readonly delayMs: number }
  /** Waits for a promise of the test, or until aborted. */
  | { readonly waitFor: Promise<unknown> }
  /** Waits until the turn is aborted; then stops. */
  | { readonly untilAborted: true }
  /** Never ends, whatever the signal says: an agent that misbehaves. */
  | { readonly hang: true }
  /** Takes what was steered and says `Steered: <text>` for each. */
  | { readonly answerSteering: true }
  /** Asks, and waits for the answer; `answered` says how the script goes on with it. A refusal fails the turn. */
  | { readonly ask: AgentQuestion; readonly answered?: (answer: Json) => readonly ScriptStep[] }
  /** Fails the turn. */
  | { readonly fail: Error };

/** The steps of one run, or a function that makes them of the request. */
export type ScriptedTurn = readonly ScriptStep[] | ((request: AgentRequest) => readonly ScriptStep[]);

/** What a scripted agent plays. */
export interface AgentScript {
  /** Played in order, one a run (turns, reviews and compactions alike). */
  readonly turns: readonly ScriptedTurn[];
  /** Played when `turns` is over. Default: says "Done." */
  readonly otherwise?: ScriptedTurn;
  /** Default the machine's clock. */
  readonly clock?: Clock;
  /** Default null: no name that another program knows. */
  readonly provider?: string;
}

/** What an agent was asked, with the context as it was then. */
export type RecordedRequest = Pick<
  AgentRequest,
  "task" | "threadId" | "turnId" | "context" | "input" | "settings" | "signal"
> & {
  readonly steered: readonly SteeredInput[];
  /** What its questions were answered with, in the order of the answers. */
  readonly answers: readonly Json[];
};

/** An agent that plays a script and keeps what it was asked. */
export interface ScriptedAgent extends Agent {
  /** The newest REQUESTS_KEPT_MAX requests, oldest first. */
  readonly requests: readonly RecordedRequest[];
}

/** Requests kept for a test to look at. */
const REQUESTS_KEPT_MAX = 1_000;

/** Makes an agent that plays a script. */
export function scriptedAgent(script: AgentScript): ScriptedAgent {
  const { clock = systemClock, otherwise = [{ say: "Done." }] } = script;
  const requests: RecordedRequest[] = [];
  let runs = 0;
  return {
    name: "scripted",
    provider: script.provider ?? null,
    defaultModel: "scripted-model",
    requests,
    async *run(request: AgentRequest): AsyncGenerator<AgentEvent> {
      const turn = script.turns[runs] ?? otherwise;
      runs += 1;
      const steered: SteeredInput[] = [];
      const answers: Json[] = [];
      const { task, threadId, turnId, input, settings, signal } = request;
      const context = [...request.context];
      requests.push({ task, threadId, turnId, context, input, settings, signal, steered, answers });
      if (requests.length > REQUESTS_KEPT_MAX) requests.shift();
      const steps = typeof turn === "function" ? turn(request) : turn;
      yield* playSteps(steps, { request, clock, steered, answers, itemId: `item_${turnId}` });
    },
  };
}

interface Play {
  readonly request: AgentRequest;
  readonly clock: Clock;
  readonly steered: SteeredInput[];
  readonly answers: Json[];
  readonly itemId: string;
}

async function* playSteps(steps: readonly ScriptStep[], play: Play): AsyncGenerator<AgentEvent> {
  for (const [index, step] of steps.entries()) yield* playStep(step, { ...play, itemId: `${play.itemId}_${index}` });
}

async function* playStep(step: ScriptStep, play: Play): AsyncGenerator<AgentEvent> {
  const { request, clock, steered, answers, itemId } = play;
  const { signal } = request;
  if ("say" in step) {
    yield* sayText(itemId, step.say);
  } else if ("reason" in step) {
    const summary = [{ type: "summary_text", text: step.reason }];
    yield { type: "item_started", itemId, kind: "reasoning" };
    yield { type: "reasoning_delta", itemId, delta: step.reason };
    yield { type: "item", itemId, item: { type: "reasoning", summary, content: null, encrypted_content: null } };
  } else if ("events" in step) {
    yield* step.events;
  } else if ("item" in step) {
    yield { type: "item", item: step.item };
  } else if ("usage" in step) {
    const { contextWindow } = step;
    yield {
      type: "usage",
      usage: wholeUsage(step.usage),
      ...(contextWindow === undefined ? {} : { contextWindow }),
    };
  } else if ("delayMs" in step) {
    await sleep(clock, step.delayMs, signal);
  } else if ("waitFor" in step) {
    await Promise.race([step.waitFor, untilAborted(signal)]);
  } else if ("untilAborted" in step) {
    await untilAborted(signal);
  } else if ("hang" in step) {
    await new Promise<never>(() => {});
  } else if ("answerSteering" in step) {
    for (const [index, taken] of request.takeSteering().entries()) {
      steered.push(taken);
      yield* sayText(`${itemId}_${index}`, `Steered: ${inputText(taken.input)}`);
    }
  } else if ("ask" in step) {
    const answer = await request.ask(step.ask);
    answers.push(answer);
    yield* playSteps(step.answered?.(answer) ?? [], play);
  } else {
    throw step.fail;
  }
}

function* sayText(itemId: string, text: string): Generator<AgentEvent> {
  yield { type: "item_started", itemId, kind: "agentMessage" };
  yield { type: "text_delta", itemId, delta: text };
  yield { type: "item", itemId, item: assistantMessage(text) };
}

/** Rejects with the signal's reason once it aborts. */
function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

function wholeUsage(usage: Partial<TokenUsage>): TokenUsage {
  const { input_tokens = 0, cached_input_tokens = 0, output_tokens = 0, reasoning_output_tokens = 0 } = usage;
  const total_tokens = usage.total_tokens ?? input_tokens + output_tokens;
  return { input_tokens, cached_input_tokens, output_tokens, reasoning_output_tokens, total_tokens };
}
