/**
 * How many tokens a model would see of a thread now, by size alone: no model was asked since. Clients show it
 * after a rollback, until the next turn tells what is true.
 */
import type { ThreadTokenUsage, TokenUsage } from "../events/index.ts";
import type { RuntimeThread } from "../runtime/index.ts";

/** Bytes of JSON a token stands for, as the peer counts. */
const BYTES_PER_TOKEN = 4;

const NONE: TokenUsage = Object.freeze({
  input_tokens: 0,
  cached_input_tokens: 0,
  output_tokens: 0,
  reasoning_output_tokens: 0,
  total_tokens: 0,
});

/** The thread's usage so far (null: none is known), with an estimate of its context in the place of the last request. */
export function estimatedUsage(thread: RuntimeThread, known: ThreadTokenUsage | null): ThreadTokenUsage {
  let bytes = 0;
  for (const item of thread.modelContext()) bytes += Buffer.byteLength(JSON.stringify(item));
  return {
    total: known?.total ?? NONE,
    last: { ...NONE, total_tokens: Math.ceil(bytes / BYTES_PER_TOKEN) },
    modelContextWindow: known?.modelContextWindow ?? null,
  };
}
