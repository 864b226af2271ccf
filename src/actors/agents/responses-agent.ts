/**
 * responsesAgent: any endpoint that speaks the streaming Responses API of OpenAI, through the official
 * `openai` package, which is only loaded with the first request. It keeps no state: each request holds
 * the whole context. Tools are functions that the embedder registers; calls of one answer run one
 * after another, in the order the model gave, and a tool that throws is an answer to the model. Tools of a client
 * (TurnSettings.tools) are offered beside them, and their calls asked.
 */
import type OpenAI from "openai";

import { type Clock, fault, LIMITS, rejection, systemClock } from "../../base/index.ts";
import type { Json, ResponseItem } from "../../events/index.ts";
import type { Agent, AgentEvent, AgentRequest, DynamicTool } from "../agent.ts";
import { toolKey } from "../dynamic-tools.ts";
import { askClient, type ToolCall } from "./client-tool-call.ts";
import { type FunctionTool, type RequestFrame, toRequestBody } from "./responses-request.ts";
import { type RetryPolicy, streamAnswer, type StreamSource } from "./responses-stream.ts";

/** How a Responses endpoint is reached and what it is offered. */
export interface ResponsesAgentOptions {
  /** Default: the environment's OPENAI_API_KEY. One of both is needed. */
  readonly apiKey?: string;
  /** Default: the environment's OPENAI_BASE_URL, then OpenAI's own. */
  readonly baseUrl?: string;
  /** Used where a turn names none. Default "gpt-5.1". */
  readonly model?: string;
  /** Sent with every request unless a turn's settings have their own. */
  readonly instructions?: string;
  readonly tools?: readonly FunctionTool[];
  /** Tries after the first on 429, 5xx, timeouts and broken streams. Default 4, at most 20. */
  readonly retries?: number;
  /** First wait before a retry, milliseconds; doubles each time. Default 500. */
  readonly backoffMs?: number;
  /** Longest wait before a retry, milliseconds; a server that asks for more fails the turn. Default 30 000. */
  readonly backoffMaxMs?: number;
  /** Milliseconds a stream may be silent before the try counts as broken. Default 300 000. */
  readonly idleTimeoutMs?: number;
  /** The model's context window in tokens, recorded with the usage. Default: unknown. */
  readonly contextWindow?: number;
  /** Recorded as the thread's model_provider. Default "openai". */
  readonly provider?: string;
  /** Where retries wait. Default the machine's clock. */
  readonly clock?: Clock;
}

const RETRIES_MAX = 20;

/** Makes the agent. `invalid_argument` without a key, or with two tools of one name. */
export function responsesAgent(options: ResponsesAgentOptions = {}): Agent {
  const apiKey = nonBlank(options.apiKey) ?? nonBlank(process.env["OPENAI_API_KEY"]);
  const baseUrl = nonBlank(options.baseUrl) ?? nonBlank(process.env["OPENAI_BASE_URL"]);
  if (apiKey === undefined) {
    throw rejection(
      "invalid_argument",
      "no API key: set OPENAI_API_KEY or pass apiKey to responsesAgent (any text for an endpoint that checks none)",
    );
  }
  const tools = toolsByName(options.tools ?? []);
  const frame: RequestFrame = { instructions: options.instructions, tools: [...tools.values()] };
  const retry: RetryPolicy = {
    retriesMax: Math.min(RETRIES_MAX, Math.max(0, Math.floor(options.retries ?? 4))),
    backoffMs: options.backoffMs ?? 500,
    backoffMaxMs: options.backoffMaxMs ?? 30_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 300_000,
  };
  let client: Promise<OpenAI> | undefined;
  const connect = (): Promise<OpenAI> => (client ??= createClient(apiKey, baseUrl));

  return {
    name: "responses",
    provider: options.provider ?? "openai",
    defaultModel: options.model ?? "gpt-5.1",
    async *run(request: AgentRequest): AsyncGenerator<AgentEvent> {
      const { contextWindow, clock = systemClock } = options;
      const source = { client: await connect(), clock, signal: request.signal, retry, contextWindow };
      yield* runToolLoop(request, { source, frame, tools });
    },
  };
}

interface LoopParts {
  readonly source: StreamSource;
  readonly frame: RequestFrame;
  readonly tools: ReadonlyMap<string, FunctionTool>;
}

/** Asks, runs the tools that were called, asks again; ends when nothing is left to answer. */
async function* runToolLoop(request: AgentRequest, parts: LoopParts): AsyncGenerator<AgentEvent> {
  const context: ResponseItem[] = [...request.context];
  const clientTools = clientToolsOf(request, parts.tools);
  for (let round = 0; round <= LIMITS.toolRoundsMax; round += 1) {
    for (const { item } of request.takeSteering()) context.push(item);
    const answer = yield* streamAnswer(parts.source, toRequestBody(request, context, parts.frame));
    context.push(...answer.items);
    const calls = answer.items.filter((item) => item.type === "function_call");
    for (const call of calls) {
      const output = yield* runTool(call, request, { ...parts, clientTools });
      request.signal.throwIfAborted();
      const { call_id } = call;
      const item: ResponseItem = { type: "function_call_output", call_id, output };
      context.push(item);
      yield { type: "item", item };
    }
    if (calls.length > 0) continue;
    const steered = request.takeSteering();
    if (steered.length === 0) return;
    for (const { item } of steered) context.push(item);
  }
  throw fault("agent_failed", `the model called tools in more than ${LIMITS.toolRoundsMax} rounds`, {
    data: { status: null, toolRoundsMax: LIMITS.toolRoundsMax },
  });
}

type ClientTools = ReadonlyMap<string, DynamicTool>;

/** The client's tools by what a model calls them. `agent_failed` where one has the name of a tool of our own. */
function clientToolsOf(request: AgentRequest, own: LoopParts["tools"]): ClientTools {
  const tools = new Map<string, DynamicTool>();
  for (const tool of request.settings.tools ?? []) {
    const key = toolKey(tool);
    if (own.has(key))
      throw fault("agent_failed", `a tool of the client has the name of one of the agent's own: ${key}`);
    tools.set(key, tool);
  }
  return tools;
}

/** The output of one call; what goes wrong in it is told to the model, not thrown. */
async function* runTool(
  item: ResponseItem,
  request: AgentRequest,
  { source, tools, clientTools }: LoopParts & { readonly clientTools: ClientTools },
): AsyncGenerator<AgentEvent, Json> {
  const call = toToolCall(item);
  const key = toolKey(call);
  const tool = tools.get(key);
  if (tool === undefined && !clientTools.has(key)) {
    const known = [...tools.keys(), ...clientTools.keys()].join(", ");
    return `error: there is no tool ${key}; there are: ${known === "" ? "none" : known}`;
  }
  const { text } = call;
  let args: unknown;
  try {
    args = text.trim() === "" ? {} : JSON.parse(text);
  } catch (error) {
    return `error: the arguments are not JSON: ${reasonOf(error)}`;
  }
  if (tool === undefined) return yield* askClient({ ...call, arguments: args as Json }, request, source.clock);
  try {
    const { signal, threadId } = request;
    const output = await tool.run(args, { signal, threadId });
    return typeof output === "string" ? output : (JSON.stringify(output) ?? "");
  } catch (error) {
    return `error: ${reasonOf(error)}`;
  }
}

/** What a model called, with its arguments as it wrote them. */
function toToolCall(item: ResponseItem): Omit<ToolCall, "arguments"> & { readonly text: string } {
  const { name, namespace, call_id: callId, arguments: text } = item;
  return {
    callId: typeof callId === "string" ? callId : "",
    name: String(name),
    namespace: typeof namespace === "string" ? namespace : null,
    text: typeof text === "string" ? text : "",
  };
}

/** Retries and logging are ours: the client's own would repeat requests unseen and write to the console. */
async function createClient(apiKey: string, baseURL: string | undefined): Promise<OpenAI> {
  const { default: Client } = await import("openai");
  return new Client({
    apiKey,
    maxRetries: 0,
    logLevel: "off",
    ...(baseURL === undefined ? {} : { baseURL }),
  });
}

function toolsByName(tools: readonly FunctionTool[]): ReadonlyMap<string, FunctionTool> {
  const byName = new Map<string, FunctionTool>();
  for (const tool of tools) {
    if (byName.has(tool.name)) {
      throw rejection("invalid_argument", `two tools are named ${tool.name}`, { tool: tool.name });
    }
    byName.set(tool.name, tool);
  }
  return byName;
}

function nonBlank(text: string | undefined): string | undefined {
  return text === undefined || text.trim() === "" ? undefined : text;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
