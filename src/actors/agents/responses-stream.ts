/**
 * One model request, streamed and retried. Deltas are passed on as they come; the completed items of
 * an answer are handed over together, when the whole answer is there.
 *
 * Invariants
 *   R1  An item is yielded once: an answer that breaks yields no item, so a retry can't double one.
 *       Deltas of the broken try were shown; its items stay unfinished.
 *   R2  Tries are bounded, and so is each wait between them; a server that asks for a longer wait
 *       fails the turn as retryable instead.
 *   R3  Abort ends the wait, the request and the stream; nothing is yielded afterwards.
 */
import type OpenAI from "openai";
import type { Responses } from "openai/resources/responses/responses";

import { type Clock, fault, type SkeinError, sleep } from "../../base/index.ts";
import type { ResponseItem, TokenUsage } from "../../events/index.ts";
import type { AgentEvent } from "../agent.ts";
import { answerFault, toAgentFault } from "./responses-failure.ts";

export interface RetryPolicy {
  /** Tries after the first one. */
  readonly retriesMax: number;
  /** First wait, milliseconds; doubles with each try. */
  readonly backoffMs: number;
  /** Longest wait, milliseconds, also when the server asks for more. */
  readonly backoffMaxMs: number;
  /** Milliseconds without an event of the stream before a try counts as broken. */
  readonly idleTimeoutMs: number;
}

/** Milliseconds that a stream has to end behind the whole answer. */
const READ_OUT_MS_MAX = 1_000;

/** What a try needs. */
export interface StreamSource {
  readonly client: OpenAI;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly retry: RetryPolicy;
  readonly contextWindow: number | undefined;
}

/** A whole answer: what was yielded as items, for the loop around it. */
export interface ModelAnswer {
  readonly items: readonly ResponseItem[];
}

interface Collected {
  readonly items: { readonly item: ResponseItem; readonly itemId: string | undefined }[];
  usage: TokenUsage | undefined;
  /** Why the answer is no whole one, said by the server after items that are good. */
  failure: SkeinError | undefined;
  isComplete: boolean;
}

/** Yields the deltas and then the items and usage of one answer. Throws `agent_failed` when all tries failed. */
export async function* streamAnswer(
  source: StreamSource,
  body: Responses.ResponseCreateParamsStreaming,
): AsyncGenerator<AgentEvent, ModelAnswer> {
  for (let tries = 1; ; tries += 1) {
    const collected: Collected = { items: [], usage: undefined, failure: undefined, isComplete: false };
    const failure = yield* tryOnce(source, body, collected);
    source.signal.throwIfAborted();
    if (failure === undefined) return yield* handOver(source, collected);
    const waitMs = waitBefore(tries, failure, source.retry);
    if (waitMs === undefined) throw failure;
    await sleep(source.clock, waitMs, source.signal);
  }
}

function* handOver(source: StreamSource, collected: Collected): Generator<AgentEvent, ModelAnswer> {
  const { items, usage, failure } = collected;
  const { contextWindow } = source;
  for (const { item, itemId } of items) {
    yield { type: "item", item, ...(itemId === undefined ? {} : { itemId }) };
  }
  if (usage !== undefined) {
    yield { type: "usage", usage, ...(contextWindow === undefined ? {} : { contextWindow }) };
  }
  if (failure !== undefined) throw failure;
  return { items: items.map(({ item }) => item) };
}

/** One try: yields deltas, collects the rest. Returns what is wrong with it, or undefined. */
async function* tryOnce(
  source: StreamSource,
  body: Responses.ResponseCreateParamsStreaming,
  collected: Collected,
): AsyncGenerator<AgentEvent, SkeinError | undefined> {
  const idle = new AbortController();
  const { clock, retry } = source;
  const watch = (): ReturnType<Clock["setTimer"]> =>
    clock.setTimer(retry.idleTimeoutMs, () => idle.abort(new Error("the stream went silent")));
  let timer = watch();
  let events: AsyncIterator<Responses.ResponseStreamEvent> | undefined;
  try {
    const signal = AbortSignal.any([source.signal, idle.signal]);
    const stream = await source.client.responses.create(body, { signal });
    events = stream[Symbol.asyncIterator]();
    for (let step = await events.next(); step.done !== true; step = await events.next()) {
      timer.cancel();
      timer = watch();
      const shown = takeEvent(step.value, collected);
      if (shown !== undefined) yield shown;
      if (collected.isComplete) return undefined;
    }
  } catch (error) {
    source.signal.throwIfAborted();
    if (!idle.signal.aborted) return toAgentFault(error);
  } finally {
    timer.cancel();
    if (collected.isComplete) void readOut(events, clock, () => idle.abort(new Error("the answer was whole")));
    else await events?.return?.();
  }
  const reason = idle.signal.aborted
    ? `no event came for ${retry.idleTimeoutMs} ms`
    : "the stream ended before the answer was complete";
  return fault("agent_failed", `the model request failed: ${reason}`, {
    retryable: true,
    data: { status: null, idleTimeoutMs: idle.signal.aborted ? retry.idleTimeoutMs : null },
  });
}

/**
 * Reads what comes behind a whole answer, which is its end: the connection is used again then, and one that is
 * left before is closed, at a new handshake for the next request. A server that goes on is left all the same.
 */
async function readOut(events: AsyncIterator<unknown> | undefined, clock: Clock, leave: () => void): Promise<void> {
  const timer = clock.setTimer(READ_OUT_MS_MAX, leave);
  try {
    while ((await events?.next())?.done === false);
  } catch {
    // The answer is whole: what breaks behind it is nobody's.
  } finally {
    timer.cancel();
  }
}

/** Milliseconds to wait before the next try; undefined when there is none. */
function waitBefore(tries: number, failure: SkeinError, retry: RetryPolicy): number | undefined {
  if (!failure.retryable || tries > retry.retriesMax) return undefined;
  const asked = failure.data["retryAfterMs"];
  if (typeof asked === "number") return asked <= retry.backoffMaxMs ? asked : undefined;
  return Math.min(retry.backoffMaxMs, retry.backoffMs * 2 ** (tries - 1));
}

/** Takes one event of the stream: what of it is shown at once; the rest goes into `collected`. */
function takeEvent(event: Responses.ResponseStreamEvent, collected: Collected): AgentEvent | undefined {
  switch (event.type) {
    case "response.output_item.added": {
      const { item } = event;
      if (typeof item.id !== "string") return undefined;
      if (item.type === "message") {
        return { type: "item_started", itemId: item.id, kind: "agentMessage", ...phaseMember(item) };
      }
      if (item.type === "reasoning") return { type: "item_started", itemId: item.id, kind: "reasoning" };
      return undefined;
    }
    case "response.output_text.delta":
      return { type: "text_delta", itemId: event.item_id, delta: event.delta };
    case "response.reasoning_summary_text.delta":
      return {
        type: "reasoning_delta",
        itemId: event.item_id,
        delta: event.delta,
        ...(isCount(event.summary_index) ? { summaryIndex: event.summary_index } : {}),
      };
    case "response.output_item.done":
      collect(event.item, collected);
      return undefined;
    case "response.completed":
      collectWhole(event.response, collected);
      collected.usage = toTokenUsage(event.response.usage);
      collected.isComplete = true;
      return undefined;
    case "response.incomplete": {
      const reason = event.response.incomplete_details?.reason ?? "unknown";
      collectWhole(event.response, collected);
      collected.usage = toTokenUsage(event.response.usage);
      collected.failure = answerFault(null, `the answer is incomplete: ${reason}`);
      collected.isComplete = true;
      return undefined;
    }
    case "response.failed": {
      const { error } = event.response;
      throw answerFault(error?.code, error?.message ?? "no reason was given");
    }
    default:
      return undefined;
  }
}

function collect(item: Responses.ResponseOutputItem, collected: Collected): void {
  collected.items.push({ item: toRecordedItem(item), itemId: item.id ?? undefined });
}

/** An endpoint may say its items only here, with the whole answer; those that came one by one are not taken twice. */
function collectWhole({ output }: Partial<Responses.Response>, collected: Collected): void {
  if (collected.items.length > 0 || !Array.isArray(output)) return;
  for (const item of output) collect(item, collected);
}

/** An output item as the log keeps it: no server state, no empty extras. */
function toRecordedItem(item: Responses.ResponseOutputItem): ResponseItem {
  if (item.type === "message") {
    const content = item.content.map((part) =>
      part.type === "output_text"
        ? { type: "output_text", text: part.text }
        : { type: "output_text", text: part.refusal },
    );
    return { type: "message", role: "assistant", content, ...phaseMember(item) };
  }
  if (item.type === "reasoning") {
    const { summary, content = null, encrypted_content = null } = item;
    return { type: "reasoning", summary, content, encrypted_content };
  }
  if (item.type === "function_call") {
    const { name, namespace, arguments: args, call_id } = item;
    const group = typeof namespace === "string" ? { namespace } : {};
    return { type: "function_call", name, ...group, arguments: args, call_id };
  }
  return item as unknown as ResponseItem;
}

/** The package's types know no phase yet. */
function phaseMember(item: object): { readonly phase?: string } {
  const { phase } = item as { readonly phase?: unknown };
  return typeof phase === "string" ? { phase } : {};
}

function toTokenUsage(usage: Responses.ResponseUsage | null | undefined): TokenUsage | undefined {
  if (usage === undefined || usage === null) return undefined;
  return {
    input_tokens: countOf(usage.input_tokens),
    cached_input_tokens: countOf(usage.input_tokens_details?.cached_tokens),
    output_tokens: countOf(usage.output_tokens),
    reasoning_output_tokens: countOf(usage.output_tokens_details?.reasoning_tokens),
    total_tokens: countOf(usage.total_tokens),
  };
}

/** An endpoint that only resembles the API may leave counts out: not known counts as none. */
function countOf(count: unknown): number {
  return isCount(count) ? count : 0;
}

function isCount(count: unknown): count is number {
  return typeof count === "number" && Number.isSafeInteger(count) && count >= 0;
}
