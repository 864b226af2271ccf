/**
 * What a turn's request says, in the actors' words: its input within the protocol's bound, and the settings that
 * stick from it on.
 */
import { resolve } from "node:path";

import type { TurnOptions } from "../actors/index.ts";
import { LIMITS } from "../base/index.ts";
import type { Turn, UserInput } from "../events/index.ts";
import { RPC_CODES, type RequestParams } from "./protocol/index.ts";
import { RpcError } from "./rpc-error.ts";

/** The input, when it is not longer than the protocol allows. An empty one is refused by the thread. */
export function checkedInput(input: RequestParams<"turn/start">["input"]): readonly UserInput[] {
  let chars = 0;
  for (const part of input) if (part.type === "text") chars += charsOf(part.text);
  if (chars <= LIMITS.inputCharsMax) return input;
  throw new RpcError({
    code: RPC_CODES.invalidParams,
    message: `Input exceeds the maximum length of ${LIMITS.inputCharsMax} characters.`,
    data: { input_error_code: "input_too_large", max_chars: LIMITS.inputCharsMax, actual_chars: chars },
  });
}

/** Unicode scalar values, as the peer counts; a text that can't reach the bound isn't looked through. */
function charsOf(text: string): number {
  return text.length <= LIMITS.inputCharsMax ? text.length : Array.from(text).length;
}

/** What the turn, and those after it, run with. Members that are absent or null change nothing. */
export function turnOptionsOf(params: RequestParams<"turn/start">, serverCwd: string): TurnOptions {
  const { model, cwd, effort, outputSchema } = params;
  return {
    ...(isGiven(model) ? { model } : {}),
    ...(isGiven(cwd) ? { cwd: resolve(serverCwd, cwd) } : {}),
    ...(isGiven(effort) ? { effort } : {}),
    ...(isGiven(outputSchema) ? { outputSchema } : {}),
  };
}

/** A turn as the answer that starts it shows it: its items and times come as notifications. */
export function newTurn(turnId: string): Turn {
  return {
    id: turnId,
    items: [],
    itemsView: "notLoaded",
    status: "inProgress",
    error: null,
    startedAt: null,
    completedAt: null,
    durationMs: null,
  };
}

/** Neither absent nor null. */
export function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== null && value !== undefined;
}
