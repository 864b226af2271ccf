/**
 * connectClient: opens a client of an app-server, Skein's or Codex's, over a socket, a WebSocket, or the standard input
 * and output of a process that it starts.
 */
import { requireNode } from "../base/index.ts";
import { checkClientOptions, type ClientOptions } from "./client-options.ts";
import { RemoteClient } from "./remote-client.ts";
import type { SkeinClient } from "./skein-client.ts";

/**
 * Connects. The first connection is tried once at each address; one that is lost later is made again. Rejects with
 * `invalid_argument`, `connection_failed`, or what the server refused to begin with. Close the client when you are done.
 */
export async function connectClient(options: ClientOptions): Promise<SkeinClient> {
  requireNode();
  const client = new RemoteClient(checkClientOptions(options));
  await client.start();
  return client;
}
