/**
 * A model on loopback that Codex can talk to: POST …/responses, answered as server-sent events. What
 * it answers is chosen by marks in the newest user message, so that a scenario reads as one line:
 *   {{think:TEXT}} a reasoning item first          {{run:CMD}} a shell call, answered after its output
 *   {{patch:FILE}} a patch that adds FILE          {{search:WORDS}} a web search
 *   {{hang}} begins to answer and never ends       {{status:N}} an HTTP error
 *   {{pause:MS}} begins, and ends after so long
 *   {{say:TEXT}} that answer; without it "Echo: " and the message
 * It keeps the requests it got: they are the proof of what a model sees. Not a model of the real
 * API's limits, errors or ids; it binds 127.0.0.1 only.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { sleep, systemClock } from "../../src/base/index.ts";

/** An item of a request's `input`. */
export interface RequestItem {
  readonly type?: string;
  readonly role?: string;
  readonly content?: readonly { readonly type?: string; readonly text?: string }[] | null;
  readonly [member: string]: unknown;
}

/** What the model was asked. */
export interface ModelRequest {
  readonly model?: string;
  readonly instructions?: string;
  readonly input: readonly RequestItem[];
  readonly tools?: readonly { readonly type?: string; readonly name?: string }[];
}

export interface MockResponsesServer {
  /** `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string;
  /** Every request so far, oldest first. */
  readonly requests: readonly ModelRequest[];
  close(): Promise<void>;
}

type OutputItem = Record<string, unknown>;

const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 10 },
  output_tokens: 20,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 120,
};

const FINDINGS = {
  findings: [
    {
      title: "[P1] A finding",
      body: "What is wrong",
      confidence_score: 0.9,
      priority: 1,
      code_location: { absolute_file_path: "/a/file.txt", line_range: { start: 1, end: 2 } },
    },
  ],
  overall_correctness: "patch is incorrect",
  overall_explanation: "The review's explanation",
  overall_confidence_score: 0.8,
};

/** Starts the server on a free port. */
export async function startMockResponsesServer(): Promise<MockResponsesServer> {
  const requests: ModelRequest[] = [];
  let lastId = 0;
  const nextId = (prefix: string): string => `${prefix}_${String((lastId += 1)).padStart(4, "0")}`;
  const server = createServer((request, response) => {
    void answer({ request, response, requests, nextId }).catch((error: unknown) => {
      response.destroy(error as Error);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}/v1`, requests, close: () => closeServer(server) };
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requests: ModelRequest[];
  readonly nextId: (prefix: string) => string;
}

async function answer(exchange: Exchange): Promise<void> {
  const { request, response, requests, nextId } = exchange;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method !== "POST" || !String(request.url).startsWith("/v1/responses")) {
    sendError(response, 404);
    return;
  }
  const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ModelRequest;
  requests.push(body);
  const text = newestUserText(body);
  const status = mark(text, "status");
  if (status !== null) {
    sendError(response, Number(status));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  const id = nextId("resp");
  send(response, { type: "response.created", response: { id, object: "response" } });
  const pauseMs = Number(mark(text, "pause") ?? 0);
  if (mark(text, "hang") !== null || pauseMs > 0) sendDelta(response, nextId("msg"), "begun ");
  if (mark(text, "hang") !== null) return; // Ends when the client goes away.
  await sleep(systemClock, pauseMs);
  for (const item of outputItems(body, text, nextId)) {
    send(response, { type: "response.output_item.added", output_index: 0, item: begun(item) });
    send(response, { type: "response.output_item.done", output_index: 0, item });
  }
  send(response, {
    type: "response.completed",
    response: { id, object: "response", status: "completed", model: body.model, usage: USAGE },
  });
  response.end();
}

function sendError(response: ServerResponse, status: number): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error: { message: `the mock says ${status}`, type: "mock", code: "mock" } }));
}

interface StreamEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

function send(response: ServerResponse, event: StreamEvent): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function sendDelta(response: ServerResponse, itemId: string, delta: string): void {
  const item = { type: "message", id: itemId, role: "assistant", status: "in_progress", content: [] };
  const place = { item_id: itemId, output_index: 0, content_index: 0 };
  send(response, { type: "response.output_item.added", output_index: 0, item });
  send(response, { type: "response.output_text.delta", ...place, delta });
}

function begun(item: OutputItem): OutputItem {
  if (item["type"] === "message") return { ...item, content: [] };
  return item["type"] === "reasoning" ? { ...item, summary: [] } : item;
}

/** What one request is answered with, in order. */
function outputItems(body: ModelRequest, text: string, nextId: (prefix: string) => string): OutputItem[] {
  if (text.includes("CONTEXT CHECKPOINT COMPACTION")) return [message(nextId, "The summary so far.")];
  if (/review guidelines|acting as a reviewer/i.test(body.instructions ?? "")) {
    return [message(nextId, JSON.stringify(FINDINGS))];
  }
  const said =
    mark(text, "say") ??
    `Echo: ${text
      .replaceAll(/\{\{[^}]*\}\}/g, "")
      .trim()
      .slice(0, 60)}`;
  if (hasToolOutputs(body)) return [message(nextId, said)];
  const items: OutputItem[] = [];
  const thought = mark(text, "think");
  if (thought !== null) {
    const summary = [{ type: "summary_text", text: thought }];
    items.push({ type: "reasoning", id: nextId("rs"), summary, encrypted_content: "bW9jaw==" });
  }
  const words = mark(text, "search");
  if (words !== null) {
    const action = { type: "search", query: words };
    items.push({ type: "web_search_call", id: nextId("ws"), status: "completed", action });
  }
  const call = toolCall(body, text, nextId);
  return [...items, call ?? message(nextId, said)];
}

function toolCall(body: ModelRequest, text: string, nextId: (prefix: string) => string): OutputItem | null {
  const command = mark(text, "run");
  const file = mark(text, "patch");
  if (command !== null) return shellCall(body, command, nextId);
  if (file === null) return null;
  const patch = `*** Begin Patch\n*** Add File: ${file}\n+a line\n*** End Patch\n`;
  if (offers(body, "apply_patch")) {
    const call = { name: "apply_patch", input: patch, status: "completed" };
    return { type: "custom_tool_call", id: nextId("ctc"), call_id: nextId("call"), ...call };
  }
  return shellCall(body, `apply_patch <<'PATCH'\n${patch}PATCH\n`, nextId);
}

function shellCall(body: ModelRequest, command: string, nextId: (prefix: string) => string): OutputItem {
  const [name, args] = offers(body, "exec_command")
    ? ["exec_command", { cmd: command, yield_time_ms: 1_000 }]
    : ["shell_command", { command }];
  const call = { name, arguments: JSON.stringify(args) };
  return { type: "function_call", id: nextId("fc"), call_id: nextId("call"), ...call };
}

function offers(body: ModelRequest, tool: string): boolean {
  return (body.tools ?? []).some((offered) => offered.name === tool);
}

function message(nextId: (prefix: string) => string, text: string): OutputItem {
  const content = [{ type: "output_text", text, annotations: [] }];
  return { type: "message", id: nextId("msg"), role: "assistant", status: "completed", content };
}

/** The argument of `{{name:argument}}`, "" for `{{name}}`, null when the mark isn't there. */
function mark(text: string, name: string): string | null {
  const found = new RegExp(`\\{\\{${name}(?::([^}]*))?\\}\\}`).exec(text);
  return found === null ? null : (found[1] ?? "");
}

function newestUserText(body: ModelRequest): string {
  const newest = body.input.findLast((item) => item.role === "user" && !isClientContext(item));
  return newest === undefined ? "" : textOf(newest);
}

function hasToolOutputs(body: ModelRequest): boolean {
  const user = body.input.findLastIndex((item) => item.role === "user" && !isClientContext(item));
  return body.input.slice(user + 1).some((item) => String(item.type).endsWith("_output"));
}

/** The text of a message item, its parts joined. */
export function textOf(item: RequestItem): string {
  return (item.content ?? []).map((part) => part.text ?? "").join("\n");
}

/** Whether Codex itself put this item in: its instructions, the environment, a note that a turn was aborted. */
export function isClientContext(item: RequestItem): boolean {
  if (item.role === "developer") return true;
  if (item.role !== "user") return false;
  return /^\s*(<(environment_context|user_instructions|permissions)|# AGENTS\.md)/.test(textOf(item));
}
