/**
 * What responsesAgent sends: the thread's context as input of the Responses API, and the body around
 * it. Pure. Requests are stateless (`store: false`), so ids of earlier items mean nothing to the
 * server and are left out.
 *
 * A history can be cut anywhere (interrupt, fork, rollback), but the API refuses a call without its
 * output and an output without its call: the first gets the output "aborted", the second is dropped. Kinds
 * that only another server's state explains (searches, image generation and the like) are left out too.
 */
import type { Responses } from "openai/resources/responses/responses";

import type { ResponseItem } from "../../events/index.ts";
import type { AgentRequest, DynamicTool } from "../agent.ts";

/** A function the model may call. */
export interface FunctionTool {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the arguments. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** Gives the output for the model; what is no text is sent as JSON. A throw becomes an output with the error's text. */
  run(args: unknown, call: { readonly signal: AbortSignal; readonly threadId: string }): unknown;
}

/** What stays the same over an agent's requests. */
export interface RequestFrame {
  readonly instructions: string | undefined;
  readonly tools: readonly FunctionTool[];
}

const COMPACT_PROMPT =
  "Summarize this conversation for whoever continues it: what was asked, what was done and decided, " +
  "what is still open, and every name, path and number that will be needed again. Answer with the summary only.";

const REVIEW_INSTRUCTIONS =
  "You are reviewing a change made by someone else. Report only problems its author would fix, the most " +
  "serious first, each with the file and line, why it is wrong and what would be right. Say so when there are none.";

const CALL_OUTPUTS: Readonly<Record<string, string>> = {
  function_call: "function_call_output",
  custom_tool_call: "custom_tool_call_output",
  // Codex answers its shell calls by the outputs of functions.
  local_shell_call: "function_call_output",
};
/** The model's own compaction, under both names that logs have for it. */
const COMPACTION_TYPES: ReadonlySet<string> = new Set(["compaction", "compaction_summary"]);
const OUTPUT_TYPES: ReadonlySet<string> = new Set(Object.values(CALL_OUTPUTS));

/** The body of one model request, with `items` as the whole context. */
export function toRequestBody(
  request: AgentRequest,
  items: readonly ResponseItem[],
  frame: RequestFrame,
): Responses.ResponseCreateParamsStreaming {
  const { task, settings } = request;
  const input = toInput(items);
  if (task === "compact") input.push(userMessage(COMPACT_PROMPT));
  const ownInstructions = settings.instructions ?? frame.instructions;
  const instructions = [task === "review" ? REVIEW_INSTRUCTIONS : undefined, ownInstructions]
    .filter((text) => text !== undefined && text !== "")
    .join("\n\n");
  const tools = task === "compact" ? [] : [...frame.tools.map(toToolParam), ...toClientTools(settings.tools ?? [])];
  const effort = settings.effort ?? null;
  const schema = task === "turn" ? settings.outputSchema : undefined;
  return {
    model: settings.model,
    input,
    stream: true,
    store: false,
    ...(instructions === "" ? {} : { instructions }),
    ...(tools.length === 0 ? {} : { tools, parallel_tool_calls: true }),
    ...(effort === null
      ? {}
      : {
          reasoning: { effort: effort as Responses.ResponseCreateParams["reasoning"] & string, summary: "auto" },
          include: ["reasoning.encrypted_content"],
        }),
    ...(schema === undefined || schema === null
      ? {}
      : {
          text: {
            format: { type: "json_schema", name: "output", schema: schema as Record<string, unknown>, strict: true },
          },
        }),
  } as Responses.ResponseCreateParamsStreaming;
}

/** The context as the API takes it: kinds it knows, calls and outputs in pairs, no ids. */
function toInput(items: readonly ResponseItem[]): Responses.ResponseInputItem[] {
  const outputs = idsOf(items, (type) => OUTPUT_TYPES.has(type));
  const calls = new Set<unknown>();
  const input: Responses.ResponseInputItem[] = [];
  for (const item of items) {
    const outputType = CALL_OUTPUTS[item.type];
    if (item.type === "message") {
      input.push(withoutOwnId(item));
    } else if (item.type === "reasoning") {
      // Without its encrypted content a reasoning item is an id the stateless server can't look up.
      if (typeof item["encrypted_content"] === "string") input.push(withoutOwnId(item));
    } else if (COMPACTION_TYPES.has(item.type)) {
      const { encrypted_content: content } = item;
      if (typeof content === "string") input.push({ type: "compaction", encrypted_content: content });
    } else if (outputType !== undefined) {
      const callId = item["call_id"];
      // Early shell calls were known by their id alone: no output can name them.
      if (typeof callId !== "string") continue;
      calls.add(callId);
      input.push(toCall(item));
      if (!outputs.has(callId)) {
        input.push(withoutOwnId({ type: outputType, call_id: callId, output: "aborted" }));
      }
    } else if (OUTPUT_TYPES.has(item.type) && calls.has(item["call_id"])) {
      input.push(withoutOwnId(item));
    }
  }
  return input;
}

/** A call as input. Of a shell call the server wants the id and how it ended. */
function toCall(item: ResponseItem): Responses.ResponseInputItem {
  const call = withoutOwnId(item);
  if (item.type !== "local_shell_call") return call;
  const { id, call_id: callId, status } = item;
  return { ...call, id: typeof id === "string" ? id : callId, status } as Responses.ResponseInputItem;
}

function idsOf(items: readonly ResponseItem[], wanted: (type: string) => boolean): ReadonlySet<unknown> {
  const ids = new Set<unknown>();
  for (const item of items) if (wanted(item.type)) ids.add(item["call_id"]);
  return ids;
}

/** Members that are ours, null, or an answer's own are no input. */
function withoutOwnId(item: ResponseItem): Responses.ResponseInputItem {
  const kept: Record<string, unknown> = {};
  for (const [member, value] of Object.entries(item)) {
    if (member === "id" || member === "status" || value === null || value === undefined) continue;
    kept[member] = value;
  }
  return kept as unknown as Responses.ResponseInputItem;
}

function userMessage(text: string): Responses.ResponseInputItem {
  return { type: "message", role: "user", content: [{ type: "input_text", text }] };
}

function toToolParam(tool: FunctionTool): Responses.FunctionTool {
  const { name, description, parameters } = tool;
  return { type: "function", name, description, parameters: { ...parameters }, strict: false };
}

/** A client's tools as the API has them; those of one namespace together, where its first stands. */
function toClientTools(tools: readonly DynamicTool[]): readonly Responses.Tool[] {
  const params: Responses.Tool[] = [];
  const groups = new Map<string, Responses.NamespaceTool>();
  for (const tool of tools) {
    const { namespace = null } = tool;
    if (namespace === null) {
      params.push(clientFunction(tool));
      continue;
    }
    let group = groups.get(namespace);
    if (group === undefined) {
      group = { type: "namespace", name: namespace, description: `Tools of ${namespace}.`, tools: [] };
      groups.set(namespace, group);
      params.push(group);
    }
    group.tools.push(clientFunction(tool));
  }
  return params;
}

function clientFunction({ name, description, inputSchema }: DynamicTool): Responses.FunctionTool {
  return { type: "function", name, description, parameters: inputSchema as Record<string, unknown>, strict: false };
}
