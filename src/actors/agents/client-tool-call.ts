/**
 * A call of a tool that a client answers: shown while it runs, asked of whoever is with the thread, and its
 * answer as the model gets it. A client that refuses, or answers what is no answer, is told to the model; only
 * the end of the turn ends the call.
 */
import type { Clock } from "../../base/index.ts";
import type { Json, JsonObject, ThreadItem } from "../../events/index.ts";
import type { AgentEvent, AgentRequest } from "../agent.ts";

/** What a model called. */
export interface ToolCall {
  readonly callId: string;
  readonly name: string;
  readonly namespace: string | null;
  readonly arguments: Json;
}

interface ToolAnswer {
  readonly contentItems: readonly Json[] | null;
  readonly success: boolean;
  /** For the model: a text, or the content of a function_call_output. */
  readonly output: Json;
}

/** Asks; returns the output for the model. */
export async function* askClient(
  call: ToolCall,
  request: AgentRequest,
  clock: Clock,
): AsyncGenerator<AgentEvent, Json> {
  const begunMs = clock.monotonicMs();
  yield { type: "item_shown", phase: "started", item: shownCall(call, { status: "inProgress" }) };
  const { contentItems, success, output } = await answerOf(call, request);
  const status = success ? "completed" : "failed";
  const durationMs = Math.max(0, Math.round(clock.monotonicMs() - begunMs));
  yield {
    type: "item_shown",
    phase: "completed",
    item: shownCall(call, { status, contentItems, success, durationMs }),
  };
  return output;
}

function shownCall({ callId, name, namespace, arguments: args }: ToolCall, progress: JsonObject): ThreadItem {
  const none = { contentItems: null, success: null, durationMs: null };
  return { type: "dynamicToolCall", id: callId, namespace, tool: name, arguments: args, ...none, ...progress };
}

async function answerOf(call: ToolCall, request: AgentRequest): Promise<ToolAnswer> {
  const { callId, name: tool, namespace, arguments: args } = call;
  try {
    const details = { callId, tool, namespace, arguments: args };
    return toolAnswer(await request.ask({ kind: "toolCall", itemId: callId, details }));
  } catch (error) {
    request.signal.throwIfAborted();
    return failed(error instanceof Error ? error.message : String(error));
  }
}

/** The protocol's answer, `{contentItems, success}`, as the model gets it: one text as it is, else its parts. */
function toolAnswer(answer: Json): ToolAnswer {
  const { contentItems, success } = membersOf(answer);
  if (!Array.isArray(contentItems)) return failed("the client's answer has no contentItems");
  const items = contentItems as readonly Json[];
  const parts = items.map(toPart);
  if (parts.includes(null)) return failed("the client's answer has a content item that is neither text nor image");
  const [only] = parts;
  const text = parts.length === 1 && only?.["type"] === "input_text" ? (only["text"] ?? "") : null;
  return { contentItems: items, success: success !== false, output: text ?? parts };
}

function toPart(item: Json): JsonObject | null {
  const { type, text, imageUrl } = membersOf(item);
  if (type === "inputText" && typeof text === "string") return { type: "input_text", text };
  if (type === "inputImage" && typeof imageUrl === "string") return { type: "input_image", image_url: imageUrl };
  return null;
}

function failed(reason: string): ToolAnswer {
  return { contentItems: null, success: false, output: `error: ${reason}` };
}

function membersOf(value: Json): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
