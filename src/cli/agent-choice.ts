/**
 * Which agent answers, as the command line says it. The key of an endpoint comes from the environment alone: an
 * argument would be readable in every process list.
 */
import { type Agent, echoAgent, responsesAgent } from "../actors/index.ts";
import { rejection } from "../base/index.ts";
import type { CliContext } from "./cli-context.ts";

/** The options of commands that run turns. */
export interface AgentChoice {
  readonly agent: "echo" | "responses";
  readonly model?: string;
  readonly baseUrl?: string;
  /** Recorded as the thread's model provider. */
  readonly provider?: string;
}

/** Makes the agent. `echoDelayMs`: before each piece of an echo. `invalid_argument` for options of another one, or without a key. */
export function makeAgent(context: CliContext, choice: AgentChoice, echoDelayMs = 0): Agent {
  const { agent, model, baseUrl, provider } = choice;
  if (agent === "echo") {
    if (model !== undefined || baseUrl !== undefined || provider !== undefined) {
      throw rejection("invalid_argument", "--model, --base-url and --provider are for --agent responses", {
        nextStep: "add --agent responses, or leave them out; a variable like SKEIN_MODEL counts as its option",
      });
    }
    return echoAgent({ clock: context.clock, delayMs: echoDelayMs });
  }
  return responsesAgent({
    clock: context.clock,
    ...(model === undefined ? {} : { model }),
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(provider === undefined ? {} : { provider }),
  });
}
