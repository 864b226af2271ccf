/**
 * Arbitrary scripts of `scriptedAgent`: a few turns of steps of every kind, messages and reasoning, tools of the
 * agent's own and of a client, questions, usage, steering that is answered, delays, failures. Which kinds are
 * drawn is the caller's: some only end when somebody answers or interrupts, and one never does.
 *
 * Steps print as code that can be pasted into a test, functions and promises too.
 */
import fc from "fast-check";

import type { AgentEvent, AgentQuestion, AgentScript, ScriptStep } from "../../actors/index.ts";
import { fault } from "../../base/index.ts";
import type { AppendableItem, Json, ResponseItem, ThreadItem } from "../../events/index.ts";
import { arbMessage, arbToolEvent } from "./item-kind-arbitraries.ts";
import { arbResponse, arbText } from "./payload-arbitraries.ts";

/**
 * What a step of a script does. Those that need something from outside: `ask` and `clientTool` an answer, or a
 * refusal; `untilAborted` an interrupt; `hang` never ends. `misbehave` yields what is no event, which fails the turn.
 */
export type ScriptStepKind =
  | "say"
  | "reason"
  | "item"
  | "tool"
  | "usage"
  | "delay"
  | "waitFor"
  | "answerSteering"
  | "fail"
  | "misbehave"
  | "ask"
  | "clientTool"
  | "untilAborted"
  | "hang";

/** The kinds of steps that end by themselves. */
export const ENDING_STEP_KINDS: readonly ScriptStepKind[] = Object.freeze([
  "say",
  "reason",
  "item",
  "tool",
  "usage",
  "delay",
  "waitFor",
  "answerSteering",
  "fail",
  "misbehave",
]);

/** How long scripts get, and what is in them. */
export interface ArbAgentScriptOptions {
  /** Turns at most, 0 or more. Default 4; behind them the agent says "Done." */
  readonly turnsMax?: number;
  /** Steps of a turn at most, 0 or more. Default 5. */
  readonly stepsMax?: number;
  /** Kinds that steps are drawn from, each as often as it is named. Default ENDING_STEP_KINDS. */
  readonly kinds?: readonly ScriptStepKind[];
  /** Longest delay of one step, milliseconds on the agent's clock. Default 20. */
  readonly delayMsMax?: number;
}

/**
 * A script for `scriptedAgent`. It names no clock: give the agent the one that the test moves.
 *
 * @example
 * ```ts
 * await fc.assert(
 *   fc.asyncProperty(arbAgentScript({ kinds: [...ENDING_STEP_KINDS, "ask"] }), async (script) => {
 *     const agent = scriptedAgent({ ...script, clock });
 *     // Every turn that was started ends, and reads back as it ended.
 *   }),
 * );
 * ```
 */
export function arbAgentScript(options: ArbAgentScriptOptions = {}): fc.Arbitrary<AgentScript> {
  const { turnsMax = 4, stepsMax = 5, kinds = ENDING_STEP_KINDS, delayMsMax = 20 } = options;
  const known = [...new Set(kinds)];
  const weighed = known.map((kind) => ({
    weight: kinds.filter((other) => other === kind).length,
    arbitrary: stepsOf(kind, delayMsMax),
  }));
  const turn = fc
    .array(fc.oneof({ withCrossShrink: true }, ...weighed), { maxLength: stepsMax })
    .map((steps) => steps.flat());
  return fc.array(turn, { maxLength: turnsMax }).map((turns) => ({ turns }));
}

type Steps = readonly ScriptStep[];

/** The steps of one kind; most are one step, a call of a tool is several. */
function stepsOf(kind: ScriptStepKind, delayMsMax: number): fc.Arbitrary<Steps> {
  switch (kind) {
    case "say":
      return arbText().map((say) => [{ say }]);
    case "reason":
      return arbText().map((reason) => [{ reason }]);
    case "item":
      return arbResponseItem().map((item) => [{ item }]);
    case "tool":
      return arbToolEvent("turn-1").map((item) => [{ events: [eventOf(item)] }]);
    case "usage":
      return arbUsageStep().map((step) => [step]);
    case "delay":
      return fc.nat(delayMsMax).map((delayMs) => [{ delayMs }]);
    case "waitFor":
      return fc.constant([{ waitFor: Promise.resolve() }]);
    case "answerSteering":
      return fc.constant([{ answerSteering: true }]);
    case "fail":
      return arbFailure().map((fail) => [{ fail }]);
    case "misbehave":
      return fc.constantFrom(...MISBEHAVIOURS).map((event) => [{ events: [event] }]);
    case "ask":
      return fc.tuple(fc.constantFrom(...QUESTIONS), arbText()).map(([ask, then]) => [answered(ask, { say: then })]);
    case "clientTool":
      return fc.constantFrom("call-1", "call-2").map((callId) => clientToolCall(callId));
    case "untilAborted":
      return fc.constant([{ untilAborted: true }]);
    case "hang":
      return fc.constant([{ hang: true }]);
  }
}

/** What a model may answer with, beside messages that stream. */
function arbResponseItem(): fc.Arbitrary<ResponseItem> {
  const callId = fc.constantFrom("call-1", "call-2");
  const items = fc.oneof(
    arbMessage("assistant"),
    arbResponse("function_call", { name: arbText(), arguments: arbText(), call_id: callId }),
    arbResponse("function_call_output", { call_id: callId, output: arbText() }),
    arbResponse("reasoning", { summary: fc.constant([]), encrypted_content: arbText() }),
    arbResponse("a_type_to_come", { text: arbText() }),
  );
  return items.map(responseOf);
}

function responseOf(item: AppendableItem): ResponseItem {
  if (item.type !== "response_item") throw new TypeError(`an item of the model, not ${item.type}`);
  return asRead(item.payload);
}

function eventOf(item: AppendableItem): AgentEvent {
  if (item.type !== "event_msg") throw new TypeError(`an event, not ${item.type}`);
  return { type: "event", event: asRead(item.payload) };
}

/** As a parser makes it: what fast-check draws may have no prototype, and equals nothing that was read. */
function asRead<Payload extends object>(payload: Payload): Payload {
  return JSON.parse(JSON.stringify(payload)) as Payload;
}

function arbUsageStep(): fc.Arbitrary<ScriptStep> {
  const tokens = fc.nat(1_000);
  const usage = fc.record(
    { input_tokens: tokens, cached_input_tokens: tokens, output_tokens: tokens, reasoning_output_tokens: tokens },
    { requiredKeys: [], noNullPrototype: true },
  );
  return fc
    .tuple(usage, fc.option(fc.constantFrom(1_000, 128_000), { nil: undefined }))
    .map(([drawn, contextWindow]) =>
      contextWindow === undefined ? { usage: drawn } : { usage: drawn, contextWindow },
    );
}

/** Errors of an agent: its own, one that may be tried again, one of another program. */
function arbFailure(): fc.Arbitrary<Error> {
  return fc
    .tuple(fc.constantFrom("plain", "final", "retryable"), fc.constantFrom("the model said no", "", "line\nbreak"))
    .map(([how, message]) => {
      if (how === "plain") return printed(new Error(message), `new Error(${JSON.stringify(message)})`);
      const retryable = how === "retryable";
      const code = `fault("agent_failed", ${JSON.stringify(message)}, { retryable: ${retryable} })`;
      return printed(fault("agent_failed", message, { retryable }), code);
    });
}

/** What a thread's door refuses (the check of an agent's events). */
const MISBEHAVIOURS = [
  { type: "a_kind_to_come" },
  { type: "text_delta", itemId: "i", delta: 7 },
  { type: "item", item: {} },
  { type: "usage", usage: { input_tokens: -1 } },
] as readonly unknown[] as readonly AgentEvent[];

const QUESTIONS: readonly AgentQuestion[] = [
  { kind: "commandApproval", itemId: "item-1", details: { command: "ls", cwd: "/work/place" } },
  { kind: "fileChangeApproval", itemId: "item-2", details: { reason: null } },
  { kind: "userInput", itemId: "item-3", details: { questions: [{ id: "q", question: "Which?" }] } },
  { kind: "permissions", itemId: "item-4", details: { permissions: {} } },
];

/** A question, and that what comes next says its answer. */
function answered(ask: AgentQuestion, ...then: readonly ScriptStep[]): ScriptStep {
  const go = (answer: Json): Steps => [{ say: `Answered: ${JSON.stringify(answer)}` }, ...then];
  const code = `(answer) => [{ say: \`Answered: \${JSON.stringify(answer)}\` }, ...${fc.stringify(then)}]`;
  return { ask, answered: printed(go, code) };
}

/** The call of a tool that a client answers, shown as it runs, with its output for the model. */
function clientToolCall(callId: string): Steps {
  const call = { callId, tool: "look", namespace: null, arguments: { at: "it" } };
  const shown = (status: string, more: object): ThreadItem => {
    const rest = { contentItems: null, success: null, durationMs: null, ...more };
    const { tool, namespace, arguments: args } = call;
    return { type: "dynamicToolCall", id: callId, namespace, tool, arguments: args, status, ...rest };
  };
  const output = { type: "function_call_output", call_id: callId, output: "seen" };
  const ended: Steps = [
    { events: [{ type: "item_shown", phase: "completed", item: shown("completed", { success: true }) }] },
    { item: output },
  ];
  return [
    { item: { type: "function_call", name: "look", arguments: '{"at":"it"}', call_id: callId } },
    { events: [{ type: "item_shown", phase: "started", item: shown("inProgress", {}) }] },
    answered({ kind: "toolCall", itemId: callId, details: call }, ...ended),
  ];
}

/** The same value, which fast-check prints as this code. */
function printed<Value extends object>(value: Value, code: string): Value {
  Object.defineProperty(value, fc.toStringMethod, { value: () => code });
  return value;
}
