/**
 * echoAgent: answers "Echo: <what you said>". Offline and deterministic, the default of the runtime:
 * the same conversation gives the same records, save for ids and times. It streams its answer in
 * chunks, answers steered input in the same turn, and reports a usage that is derived from sizes
 * (four characters a token), so that everything around an agent can be tried without a model.
 */
import { type Clock, sleep, systemClock } from "../../base/index.ts";
import type { ResponseItem, TokenUsage } from "../../events/index.ts";
import type { Agent, AgentEvent, AgentRequest } from "../agent.ts";
import { assistantMessage, inputText, messageText } from "./message-text.ts";

/** How an echo agent talks. */
export interface EchoAgentOptions {
  /** Milliseconds before each chunk of the answer. Default 0: no timer at all. */
  readonly delayMs?: number;
  /** Characters in one delta, at least 1. Default 16; more where an answer would take more than 256 deltas. */
  readonly chunkChars?: number;
  /** Where the delay is waited for. Default the machine's clock. */
  readonly clock?: Clock;
}

const CHARS_PER_TOKEN = 4;
/** An echo waits for nothing between its deltas: more of them would keep everything else waiting. */
const DELTAS_MAX = 256;
const CONTEXT_WINDOW = 128_000;

/** Makes the agent that echoes. */
export function echoAgent(options: EchoAgentOptions = {}): Agent {
  const { delayMs = 0, clock = systemClock } = options;
  const chunkChars = Math.max(1, Math.floor(options.chunkChars ?? 16));

  async function* say(request: AgentRequest, text: string, itemId: string): AsyncGenerator<AgentEvent> {
    yield { type: "item_started", itemId, kind: "agentMessage" };
    const size = Math.max(chunkChars, Math.ceil(text.length / DELTAS_MAX));
    for (let at = 0; at < text.length; at += size) {
      if (delayMs > 0) await sleep(clock, delayMs, request.signal);
      yield { type: "text_delta", itemId, delta: text.slice(at, at + size) };
    }
    yield { type: "item", itemId, item: assistantMessage(text) };
    yield { type: "usage", usage: usageOf(request.context, text), contextWindow: CONTEXT_WINDOW };
  }

  return {
    name: "echo",
    provider: null,
    defaultModel: "echo",
    async *run(request: AgentRequest): AsyncGenerator<AgentEvent> {
      let answers = 0;
      const nextId = (): string => `msg_${request.turnId}_${(answers += 1)}`;
      yield* say(request, answerTo(request), nextId());
      for (let steered = request.takeSteering(); steered.length > 0; steered = request.takeSteering()) {
        for (const { input } of steered) yield* say(request, `Echo: ${inputText(input)}`, nextId());
      }
    },
  };
}

function answerTo(request: AgentRequest): string {
  switch (request.task) {
    case "turn":
      return `Echo: ${inputText(request.input)}`;
    case "review":
      return `Reviewed: ${inputText(request.input)}\n\nNo findings.`;
    case "compact": {
      const messages = request.context.filter((item) => item.type === "message");
      const last = messages.at(-1);
      const tail = last === undefined ? "" : `; the last one said: ${messageText(last).slice(0, 200)}`;
      return `Summary of ${messages.length} messages${tail}`;
    }
  }
}

function usageOf(context: readonly ResponseItem[], answer: string): TokenUsage {
  let chars = 0;
  for (const item of context) chars += messageText(item).length;
  const input = Math.ceil(chars / CHARS_PER_TOKEN);
  const output = Math.ceil(answer.length / CHARS_PER_TOKEN);
  return {
    input_tokens: input,
    cached_input_tokens: 0,
    output_tokens: output,
    reasoning_output_tokens: 0,
    total_tokens: input + output,
  };
}
