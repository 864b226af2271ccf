/**
 * The connections under responsesAgent's requests: one that brought a whole answer serves the next request, and
 * a server that doesn't end its stream behind the whole answer keeps neither the turn nor the connection.
 */
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, beforeEach, expect, it } from "vitest";

import { type AgentEvent, responsesAgent, type ResponsesAgentOptions } from "../../../src/actors/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { until } from "../actor-fixture.ts";

let server: Server;
let connections = 0;
/** Responses whose stream the server leaves open behind the answer. */
let open: ServerResponse[] = [];
let leavesOpen = false;

beforeEach(async () => {
  connections = 0;
  open = [];
  leavesOpen = false;
  server = createServer((request, response) => {
    request.resume().once("end", () => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const content = [{ type: "output_text", text: "hello", annotations: [] }];
      const item = { type: "message", id: "msg", role: "assistant", status: "completed", content };
      response.write(sse({ type: "response.output_item.done", output_index: 0, item }));
      response.write(sse({ type: "response.completed", response: { id: "resp", status: "completed" } }));
      if (leavesOpen) open.push(response);
      else response.end();
    });
  });
  server.on("connection", () => (connections += 1));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
});

function sse(event: { readonly type: string; readonly [member: string]: unknown }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** An agent that asks this server; `ask` gives the types of what it yields. */
function asker(options: ResponsesAgentOptions = {}): () => Promise<readonly string[]> {
  const { port } = server.address() as AddressInfo;
  const agent = responsesAgent({ apiKey: "k", baseUrl: `http://127.0.0.1:${port}/v1`, ...options });
  return async () => {
    const events: AgentEvent[] = [];
    const request = {
      task: "turn",
      threadId: "thread-1",
      turnId: "turn-1",
      context: [],
      input: [],
      settings: { model: "m", cwd: "/srv" },
      signal: new AbortController().signal,
      takeSteering: () => [],
      ask: () => Promise.reject(new Error("nobody is there")),
    } as const;
    for await (const event of agent.run(request)) events.push(event);
    return events.map(({ type }) => type);
  };
}

it("connections whose stream ends behind the answer serve further requests", async () => {
  leavesOpen = true;
  const ask = asker();
  const requests = 10;
  for (let n = 0; n < requests; n += 1) {
    expect(await ask()).toEqual(["item"]);
    open.at(-1)?.end();
  }
  // A request may begin while the end of the one before is still being read.
  expect(connections).toBeLessThanOrEqual(requests / 2);
});

it("an answer is there when it is whole, and a stream that goes on behind it is left in the end", async () => {
  leavesOpen = true;
  const clock = createManualClock();
  const ask = asker({ clock });
  expect(await ask()).toEqual(["item"]);
  expect(open[0]?.destroyed).toBe(false);
  await clock.run(1_000);
  await until(() => open[0]?.destroyed === true);
});
