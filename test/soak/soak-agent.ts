/**
 * The agent of a soak: the first word of what it is told says how it behaves (it answers, is slow, fails, waits to
 * be interrupted, listens for steering, asks), so that a plan that is drawn says how each turn goes.
 */
import { type Agent, type AgentRequest, scriptedAgent, type ScriptStep } from "../../src/actors/index.ts";
import type { Clock } from "../../src/base/index.ts";

/** How a turn goes. */
export type TurnKind = "say" | "slow" | "fail" | "wait" | "listen" | "ask";

const SLOW_MS = 15;

/** Makes the agent; it keeps nothing of what it was asked. */
export function createSoakAgent(clock: Clock): Agent {
  return {
    name: "soak",
    provider: null,
    defaultModel: "soak",
    run: (request) => scriptedAgent({ turns: [stepsFor(request)], clock }).run(request),
  };
}

function stepsFor({ task, input }: AgentRequest): readonly ScriptStep[] {
  if (task !== "turn") return [{ say: `All of it, in a few words (${task}).` }];
  const text = input.map((part) => (part.type === "text" ? part.text : "")).join(" ");
  const answer: ScriptStep = { say: `Echo: ${text}` };
  // Read back by the word that the lane wrote.
  switch (text.slice(0, text.indexOf(" ")) as TurnKind) {
    case "slow":
      return [{ reason: "slowly" }, { delayMs: SLOW_MS }, answer, { usage: { input_tokens: 12, output_tokens: 7 } }];
    case "fail":
      return [answer, { fail: new Error("the model said no") }];
    case "wait":
      return [answer, { untilAborted: true }];
    case "listen":
      return [{ delayMs: SLOW_MS }, { answerSteering: true }, answer];
    case "ask":
      return [{ ask: QUESTION, answered: (told) => [{ say: `Told: ${JSON.stringify(told)}` }] }, answer];
    case "say":
    default:
      return [answer, { usage: { input_tokens: 10, output_tokens: 5 }, contextWindow: 128_000 }];
  }
}

const QUESTION = {
  kind: "userInput",
  itemId: "item-1",
  details: { questions: [{ id: "q", question: "Go on?" }] },
} as const;
