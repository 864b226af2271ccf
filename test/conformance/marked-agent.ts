/**
 * The agent of Skein's side: what it does is chosen by marks in the user's message, as for the model
 * on loopback. {{think:TEXT}} reasons first, {{call}} calls a tool and reads its output, {{hang}}
 * waits to be interrupted, {{steer}} waits for more input and answers it, {{fail}} fails the turn.
 */
import { type Agent, type AgentRequest, scriptedAgent, type ScriptStep } from "../../src/index.ts";

/** An agent for threads that another program reads. A {{steer}} turn goes on when `steered` resolves. */
export function markedAgent(steered: Promise<unknown>): Agent {
  return scriptedAgent({ turns: [], otherwise: (request) => stepsFor(request, steered) });
}

function stepsFor(request: AgentRequest, steered: Promise<unknown>): readonly ScriptStep[] {
  const text = request.input.map((part) => (part.type === "text" ? part.text : "")).join("\n");
  const usage: ScriptStep = { usage: { input_tokens: 90, output_tokens: 10 }, contextWindow: 128_000 };
  if (request.task === "compact") return [{ say: "What was said so far, in short." }, usage];
  if (request.task === "review") return [{ say: "Looks fine; one name could be better." }, usage];
  const thought = /\{\{think:([^}]*)\}\}/.exec(text)?.[1];
  return [
    ...(thought === undefined ? [] : [{ reason: thought }]),
    ...(text.includes("{{call}}") ? toolRound(request.turnId) : []),
    ...(text.includes("{{hang}}") ? [{ say: "begun" }, { untilAborted: true as const }] : []),
    ...(text.includes("{{steer}}") ? [{ waitFor: steered }, { answerSteering: true as const }] : []),
    ...(text.includes("{{fail}}") ? [{ fail: new Error("the agent gave up") }] : []),
    { say: `You said: ${text}` },
    usage,
  ];
}

function toolRound(turnId: string): ScriptStep[] {
  const callId = `call_${turnId.slice(-12)}`;
  const call = { type: "function_call", name: "weather", arguments: '{"city":"Basel"}', call_id: callId };
  return [{ item: call }, { item: { type: "function_call_output", call_id: callId, output: "rain, 9 °C" } }];
}
