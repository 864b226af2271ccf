/**
 * serveRuntime: a program's own runtime, and so its own agent, over the protocol. It joins an app-server with the
 * places where clients connect, and ends both in the order in which nobody loses a word.
 */
import { type AppServer, createAppServer } from "./app-server.ts";
import { openCheckpointFiles } from "./checkpoint-files.ts";
import { createNodeRelay } from "./relay/node-relay.ts";
import type { AppServerOptions } from "./server-options.ts";
import { type Listener, openListener } from "./transports/index.ts";

/**
 * What `serveRuntime` takes: an app-server's options, and where it listens. `relay` is by default one that shows other
 * nodes this server's token; it is of use where the store names the nodes that own its threads.
 */
export interface ServeRuntimeOptions extends AppServerOptions {
  /** `unix://PATH`, `ws://HOST:PORT` (port 0: any that is free), `stdio://`. At least one. */
  readonly listen: readonly string[];
  /** What clients of a `ws://` address must send; required where other machines can reach it. Never logged. */
  readonly token?: string;
  /** Origins of browser pages that may connect by WebSocket. Default none. */
  readonly allowedOrigins?: readonly string[];
}

/** A runtime that is served. */
export interface ServedRuntime extends AsyncDisposable {
  /** Where clients connect, with the real ports. */
  readonly addresses: readonly string[];
  /** Clients that are connected. */
  readonly clientCount: number;
  /**
   * Lets nobody in, waits (bounded) for requests under way, and closes the clients' connections. Threads stay
   * loaded and turns run on: closing the runtime is its opener's. Idempotent.
   */
  close(): Promise<void>;
}

/**
 * Serves a runtime to clients of Codex's app-server protocol and of `skein/client`. Named checkpoints are kept in
 * `home` where one is given. Rejects with `invalid_argument` for an address that can't be, and with a fault
 * where it is taken; nothing is left open then.
 */
export async function serveRuntime(options: ServeRuntimeOptions): Promise<ServedRuntime> {
  const { listen, token, allowedOrigins, ...own } = options;
  const { home, clock, logger } = own;
  const place = {
    ...(clock === undefined ? {} : { clock }),
    ...(logger === undefined ? {} : { logger }),
  };
  const files =
    home === undefined || own.checkpoints !== undefined
      ? {}
      : { checkpoints: await openCheckpointFiles({ home, ...place }) };
  const relay = own.relay ?? createNodeRelay({ token });
  const server = createAppServer({ ...own, ...files, relay });
  const listeners: Listener[] = [];
  try {
    const access = { ...place, token, allowedOrigins };
    for (const address of listen) listeners.push(await openListener(address, access, server.accept));
  } catch (error) {
    await closeAll(listeners, server);
    throw error;
  }
  const close = (): Promise<void> => closeAll(listeners, server);
  return {
    addresses: listeners.map((listener) => listener.address),
    get clientCount(): number {
      return server.clientCount;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function closeAll(listeners: readonly Listener[], server: AppServer): Promise<void> {
  try {
    for (const listener of listeners) await listener.close();
  } finally {
    await server.close();
  }
}
