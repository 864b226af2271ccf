/**
 * A small server that speaks the streaming Responses API on loopback, for tests of responsesAgent. The
 * text of the last user message chooses what it answers, by directives:
 *
 *   [[say:TEXT]]  [[reason:TEXT]]  [[tool:NAME ARGS]] (may repeat)  [[hang]]  [[cut]]
 *   (a NAME of `GROUP/TOOL` is called with a namespace)
 *   [[status:CODE]]  [[status:CODE,TIMES]]  [[failed:CODE]]  [[incomplete:REASON]]  [[usage:IN,CACHED,OUT,REASON]]
 *
 * `[[whole]]` beside a [[say]] sends the message with the whole answer alone. Without one it says `Echo: <text>`. Once outputs of tools have come back, it says what they were.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the server was sent. */
export interface SeenRequest {
  readonly headers: IncomingMessage["headers"];
  readonly body: SeenBody;
}

interface SeenItem {
  readonly type: string;
  readonly role?: string;
  readonly output?: string;
  readonly content?: readonly { readonly text?: string }[];
  readonly [member: string]: unknown;
}

interface SeenBody {
  readonly model: string;
  readonly input: readonly SeenItem[];
  readonly [member: string]: unknown;
}

export interface MockResponsesServer {
  /** For `baseUrl`. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Connections that were closed before their answer was over. */
  readonly aborted: number;
  close(): Promise<void>;
}

interface StreamEvent {
  readonly type: string;
  readonly [member: string]: unknown;
}

interface Answer {
  readonly response: ServerResponse;
  readonly directive: (name: string) => string | undefined;
  readonly nextId: (prefix: string) => string;
}

const DEFAULT_USAGE = [100, 10, 20, 5];

/** Starts the server on a free port. `headers` go with every failing status. */
export async function startMockResponsesServer(
  options: { readonly headers?: Readonly<Record<string, string>> } = {},
): Promise<MockResponsesServer> {
  const requests: SeenRequest[] = [];
  const failures = new Map<string, number>();
  let aborted = 0;
  let ids = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on("close", () => {
      if (!response.writableEnded) aborted += 1;
    });
    const body = await readBody(request);
    requests.push({ headers: request.headers, body });
    const text = lastUserText(body);
    const directive = (name: string): string | undefined => directiveOf(text, name)[0];
    const status = directive("status");
    if (status !== undefined) {
      const [code = "500", times = "1000"] = status.split(",");
      const failed = failures.get(text) ?? 0;
      if (failed < Number(times)) {
        failures.set(text, failed + 1);
        response.writeHead(Number(code), { "content-type": "application/json", ...options.headers });
        response.end(JSON.stringify({ error: { message: `mock status ${code}`, type: "mock_error" } }));
        return;
      }
    }
    const nextId = (prefix: string): string => `${prefix}_${(ids += 1)}`;
    answer({ response, directive, nextId }, body, text);
  };
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    requests,
    get aborted() {
      return aborted;
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}

function answer(to: Answer, body: SeenBody, text: string): void {
  const { response, directive, nextId } = to;
  response.writeHead(200, { "content-type": "text/event-stream" });
  send(response, { type: "response.created", response: { id: nextId("resp"), status: "in_progress" } });
  const failed = directive("failed");
  if (failed !== undefined) {
    const error = { code: failed, message: `mock failed: ${failed}` };
    send(response, { type: "response.failed", response: { status: "failed", error } });
    response.end();
    return;
  }
  const reason = directive("reason");
  if (reason !== undefined) sendReasoning(to, reason);
  const outputs = body.input.filter((item) => item.type === "function_call_output");
  const calls = directiveOf(text, "tool");
  if (calls.length > 0 && (outputs.length === 0 || directive("forever") !== undefined)) {
    for (const call of calls) sendCall(to, call);
  } else if (directive("whole") !== undefined) {
    const content = [{ type: "output_text", text: directive("say") ?? "", annotations: [] }];
    const output = [{ type: "message", id: nextId("msg"), role: "assistant", status: "completed", content }];
    const whole = { status: "completed", output, usage: usageOf(directive("usage")) };
    send(response, { type: "response.completed", response: whole });
    response.end();
    return;
  } else {
    const said = outputs.length > 0 ? `Tools said: ${outputs.map((item) => item.output).join(" | ")}` : undefined;
    const isWhole = sendMessage(to, said ?? directive("say") ?? `Echo: ${text}`);
    if (!isWhole) return;
  }
  const incomplete = directive("incomplete");
  const usage = usageOf(directive("usage"));
  if (incomplete === undefined)
    send(response, { type: "response.completed", response: { status: "completed", usage } });
  else {
    const details = { reason: incomplete };
    send(response, {
      type: "response.incomplete",
      response: { status: "incomplete", incomplete_details: details, usage },
    });
  }
  response.end();
}

function sendReasoning({ response, nextId }: Answer, text: string): void {
  const id = nextId("rs");
  const item = { type: "reasoning", id, summary: [{ type: "summary_text", text }], encrypted_content: "c2VjcmV0" };
  send(response, { type: "response.output_item.added", output_index: 0, item: { type: "reasoning", id, summary: [] } });
  send(response, { type: "response.reasoning_summary_text.delta", item_id: id, summary_index: 0, delta: text });
  send(response, { type: "response.output_item.done", output_index: 0, item });
}

function sendCall({ response, nextId }: Answer, call: string): void {
  const [path = "", ...rest] = call.split(" ");
  const [name = "", namespace] = path.split("/").toReversed();
  const item = {
    type: "function_call",
    id: nextId("fc"),
    call_id: nextId("call"),
    name,
    ...(namespace === undefined ? {} : { namespace }),
    arguments: rest.join(" ") || "{}",
    status: "completed",
  };
  send(response, { type: "response.output_item.added", output_index: 0, item });
  send(response, { type: "response.output_item.done", output_index: 0, item });
}

/** Streams a message in two deltas. False when the directives left it unfinished. */
function sendMessage({ response, directive, nextId }: Answer, text: string): boolean {
  const id = nextId("msg");
  const begun = { type: "message", id, role: "assistant", status: "in_progress", content: [] };
  send(response, { type: "response.output_item.added", output_index: 0, item: begun });
  const half = Math.ceil(text.length / 2);
  for (const delta of [text.slice(0, half), text.slice(half)]) {
    send(response, { type: "response.output_text.delta", item_id: id, content_index: 0, delta });
    if (directive("hang") !== undefined) return false;
    if (directive("cut") !== undefined) {
      response.end();
      return false;
    }
  }
  const content = [{ type: "output_text", text, annotations: [] }];
  send(response, {
    type: "response.output_item.done",
    output_index: 0,
    item: { ...begun, status: "completed", content },
  });
  return true;
}

function send(response: ServerResponse, event: StreamEvent): void {
  response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function usageOf(directive: string | undefined): object {
  const counts = directive === undefined ? DEFAULT_USAGE : directive.split(",").map(Number);
  const [input = 0, cached = 0, output = 0, reasoning = 0] = counts;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

async function readBody(request: IncomingMessage): Promise<SeenBody> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as SeenBody;
}

function lastUserText(body: SeenBody): string {
  const last = body.input.findLast((item) => item.type === "message" && item.role === "user");
  return (last?.content ?? []).map((part) => part.text ?? "").join("");
}

function directiveOf(text: string, name: string): readonly string[] {
  return Array.from(text.matchAll(new RegExp(`\\[\\[${name}(?::([^\\]]*))?\\]\\]`, "g")), (match) => match[1] ?? "");
}
