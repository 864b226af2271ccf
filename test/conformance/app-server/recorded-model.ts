/**
 * The model that the peer's transcripts were recorded with: the streaming Responses API on loopback, where
 * directives in the newest user message choose the answer. Ids count up, texts come in four deltas, usage is
 * 100/10/20/5 unless said otherwise, so that two runs of one script differ in nothing that the model did.
 *
 *   [[say:TEXT]] [[phase:PHASE]] [[reason:TEXT]] [[slow:MS]] [[hang]] [[cut]] [[status:N]] [[failed:CODE]]
 *   [[incomplete:REASON]] [[usage:IN,CACHED,OUT,REASONING]] [[shell:CMD]] [[patch:FILE]] [[plan]] [[search:WORDS]]
 *   [[tool:NAME ARGS]]
 *
 * A request for a review is answered with findings, one for a compaction with a summary, whoever's words ask.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { sleep, systemClock } from "../../../src/base/index.ts";
import { callFor, type ModelBody, type OutputItem } from "./recorded-model-calls.ts";

/** A running model. */
export interface RecordedModel {
  /** `http://127.0.0.1:PORT/v1`. */
  readonly baseUrl: string;
  close(): Promise<void>;
}

const FINDINGS = {
  findings: [
    {
      title: "[P1] Mock finding",
      body: "Mock body",
      confidence_score: 0.9,
      priority: 1,
      code_location: { absolute_file_path: "/tmp/mock.txt", line_range: { start: 1, end: 2 } },
    },
  ],
  overall_correctness: "patch is incorrect",
  overall_explanation: "Mock explanation",
  overall_confidence_score: 0.8,
};

const SUMMARY = "MOCK SUMMARY of the conversation";
const COMPACTION = /CONTEXT CHECKPOINT COMPACTION|Summarize this conversation for whoever continues it/;
const REVIEW = /review guidelines|You are (acting as a reviewer|reviewing a change)/i;
const CLIENT_CONTEXT =
  /^\s*(<(environment_context|user_instructions|turn_aborted|permissions|subagent_notification|skill|INSTRUCTIONS)|# AGENTS\.md)/;
const DELTAS = 4;
const DEFAULT_USAGE = "100,10,20,5";

/** Starts the model on a free port. */
export async function startRecordedModel(): Promise<RecordedModel> {
  let ids = 0;
  const nextId = (prefix: string): string => `${prefix}_mock_${String((ids += 1)).padStart(4, "0")}`;
  const server = createServer((request, response) => {
    void answer(request, response, nextId).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** One request's answer as it is written. */
class Reply {
  readonly #response: ServerResponse;
  readonly #nextId: (prefix: string) => string;
  readonly #text: string;

  constructor(response: ServerResponse, nextId: (prefix: string) => string, text: string) {
    this.#response = response;
    this.#nextId = nextId;
    this.#text = text;
  }

  /** The argument of a directive, "" when it has none, null when it isn't there. */
  directive(name: string): string | null {
    const found = new RegExp(`\\[\\[${name}(?::([^\\]]*))?\\]\\]`).exec(this.#text);
    return found === null ? null : (found[1] ?? "");
  }

  id(prefix: string): string {
    return this.#nextId(prefix);
  }

  event(type: string, members: object): void {
    this.#response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`);
  }

  item(item: OutputItem): void {
    const begun = item["type"] === "reasoning" ? { ...item, summary: [] } : item;
    this.event("response.output_item.added", { output_index: 0, item: begun });
    this.event("response.output_item.done", { output_index: 0, item });
  }

  async message(text: string): Promise<void> {
    const phase = this.directive("phase");
    const base = { type: "message", id: this.id("msg"), role: "assistant", ...(phase === null ? {} : { phase }) };
    const begun = { ...base, status: "in_progress", content: [] };
    this.event("response.output_item.added", { output_index: 0, item: begun });
    const length = Math.ceil(text.length / DELTAS) || 1;
    const slowMs = Number(this.directive("slow") ?? 0);
    for (let at = 0; at < text.length; at += length) {
      if (slowMs > 0) await sleep(systemClock, slowMs);
      this.delta(base.id, text.slice(at, at + length));
    }
    const content = [{ type: "output_text", text, annotations: [] }];
    const item = { ...base, status: "completed", content };
    this.event("response.output_item.done", { output_index: 0, item });
  }

  delta(itemId: string, delta: string): void {
    this.event("response.output_text.delta", { item_id: itemId, output_index: 0, content_index: 0, delta });
  }

  reasoning(text: string): void {
    const id = this.id("rs");
    const place = { item_id: id, output_index: 0, summary_index: 0 };
    this.event("response.output_item.added", { output_index: 0, item: { type: "reasoning", id, summary: [] } });
    this.event("response.reasoning_summary_part.added", place);
    this.event("response.reasoning_summary_text.delta", { ...place, delta: text });
    const item = { type: "reasoning", id, summary: [{ type: "summary_text", text }], encrypted_content: "bW9jaw==" };
    this.event("response.output_item.done", { output_index: 0, item });
  }

  end(status: "completed" | "failed" | "incomplete", members: object = {}): void {
    this.event(`response.${status}`, { response: { object: "response", status, ...members } });
    this.#response.end();
  }

  complete(model: unknown): void {
    const counts = (this.directive("usage") ?? DEFAULT_USAGE).split(",").map(Number);
    const [input = 0, cached = 0, output = 0, reasoning = 0] = counts;
    const usage = {
      input_tokens: input,
      input_tokens_details: { cached_tokens: cached },
      output_tokens: output,
      output_tokens_details: { reasoning_tokens: reasoning },
      total_tokens: input + output,
    };
    this.end("completed", { id: this.id("resp"), model, usage });
  }

  /** Ends in the middle: the connection closes without a last event. */
  cut(): void {
    this.#response.end();
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  nextId: (prefix: string) => string,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  if (request.method !== "POST" || !/^\/v1\/responses(\?|$)/.test(String(request.url))) {
    refuse(response, 404, { message: `mock: no route ${request.method} ${request.url}` });
    return;
  }
  const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as ModelBody;
  const { text, isAnswered } = newestUserText(body);
  const reply = new Reply(response, nextId, text);
  const status = reply.directive("status");
  if (status !== null && !COMPACTION.test(text)) {
    refuse(response, Number(status), { message: `mock status ${status}`, type: "mock_error", code: "mock_code" });
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  reply.event("response.created", { response: { id: nextId("resp"), object: "response", model: body.model } });
  await stream(reply, body, { text, isAnswered });
}

function refuse(response: ServerResponse, status: number, error: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify({ error }));
}

async function stream(
  reply: Reply,
  body: ModelBody,
  asked: { readonly text: string; readonly isAnswered: boolean },
): Promise<void> {
  const { text, isAnswered } = asked;
  const failed = reply.directive("failed");
  const incomplete = reply.directive("incomplete");
  if (failed !== null) {
    reply.end("failed", { error: { code: failed, message: `mock failed ${failed}` } });
    return;
  }
  if (incomplete !== null) {
    reply.end("incomplete", { incomplete_details: { reason: incomplete } });
    return;
  }
  if (reply.directive("cut") !== null) {
    reply.delta("m", "cut");
    reply.cut();
    return;
  }
  if (COMPACTION.test(text)) {
    await reply.message(SUMMARY);
  } else if (reply.directive("hang") !== null) {
    const item = { type: "message", id: reply.id("msg"), role: "assistant", status: "in_progress", content: [] };
    await sleep(systemClock, Number(reply.directive("slow") ?? 0));
    reply.event("response.output_item.added", { output_index: 0, item });
    reply.delta(item.id, "partial ");
    return; // Until the client goes away.
  } else if (REVIEW.test(body.instructions ?? "")) {
    await reply.message(JSON.stringify(FINDINGS));
  } else if (isAnswered || !beginTurn(reply, body)) {
    const said = text.replaceAll(/\[\[[^\]]*\]\]/g, "").trim();
    await reply.message(reply.directive("say") ?? `Echo: ${said.slice(0, 60)}`);
  }
  reply.complete(body.model);
}

/** What comes before the message, or instead of it: true when the message waits for a call's output. */
function beginTurn(reply: Reply, body: ModelBody): boolean {
  const reason = reply.directive("reason");
  if (reason !== null) reply.reasoning(reason);
  const call = callFor(body, reply);
  if (call !== null) {
    reply.item(call);
    return true;
  }
  const words = reply.directive("search");
  if (words !== null) {
    const action = { type: "search", query: words };
    reply.item({ type: "web_search_call", id: reply.id("ws"), status: "completed", action });
  }
  return false;
}

function newestUserText(body: ModelBody): { readonly text: string; readonly isAnswered: boolean } {
  const items = body.input;
  const textOf = (item: ModelBody["input"][number]): string =>
    (item.content ?? []).flatMap((part) => (typeof part.text === "string" ? [part.text] : [])).join("\n");
  const newest = items.findLastIndex((item) => item.role === "user" && !CLIENT_CONTEXT.test(textOf(item)));
  const found = items[newest];
  const isAnswered = items.slice(newest + 1).some((item) => String(item.type).endsWith("_output"));
  return { text: found === undefined ? "" : textOf(found), isAnswered };
}
