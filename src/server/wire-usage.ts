/**
 * Token usage in the protocol's words. The log's are snake_case, as in the file; the wire's are camelCase. Counts
 * are tokens.
 */
import type { ThreadTokenUsage, TokenUsage } from "../events/index.ts";
import type { NotificationParams } from "./protocol/index.ts";

type WireUsage = NotificationParams<"thread/tokenUsage/updated">["tokenUsage"];

/** A thread's usage as clients see it. */
export function toWireUsage({ total, last, modelContextWindow }: ThreadTokenUsage): WireUsage {
  return { total: toWireCounts(total), last: toWireCounts(last), modelContextWindow };
}

function toWireCounts(usage: TokenUsage): WireUsage["total"] {
  return {
    totalTokens: usage.total_tokens,
    inputTokens: usage.input_tokens,
    cachedInputTokens: usage.cached_input_tokens,
    outputTokens: usage.output_tokens,
    reasoningOutputTokens: usage.reasoning_output_tokens,
  };
}
