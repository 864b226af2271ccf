/**
 * A model on loopback that answers when the test says so: every request waits at the gate, and then gets the mock
 * server's answer. What a turn does "while it runs" needs no timing this way.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";

import { startMockResponsesServer } from "../support/mock-responses-server.ts";

/** A model whose answers wait. */
export interface GatedModel {
  /** What `skein serve` needs to ask it. */
  readonly env: Readonly<Record<string, string>>;
  /** Requests that wait now. */
  readonly waiting: number;
  /** Answers those that wait, and all that come later. */
  open(): void;
  close(): Promise<void>;
}

/** Starts one, its gate closed. */
export async function startGatedModel(): Promise<GatedModel> {
  const mock = await startMockResponsesServer();
  const gate = Promise.withResolvers<void>();
  let waiting = 0;
  const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    waiting += 1;
    await gate.promise;
    waiting -= 1;
    const answer = await fetch(`${mock.url}/responses`, { method: "POST", body: Buffer.concat(chunks) });
    response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
    if (answer.body !== null) Readable.fromWeb(answer.body).pipe(response);
  };
  const server = createServer((request, response) => {
    response.on("error", () => {});
    // A test that is over takes its server, its model, or both away while some request waits.
    forward(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    env: {
      OPENAI_API_KEY: "any",
      SKEIN_AGENT: "responses",
      SKEIN_MODEL: "mock-model",
      SKEIN_PROVIDER: "mock",
      SKEIN_BASE_URL: `http://127.0.0.1:${port}/v1`,
    },
    get waiting() {
      return waiting;
    },
    open: () => gate.resolve(),
    close: async () => {
      gate.resolve();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await mock.close();
    },
  };
}
