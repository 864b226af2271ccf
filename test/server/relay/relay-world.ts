/**
 * Nodes over one shared store, each an app-server with a WebSocket listener on loopback, and clients connected to
 * one of them without a transport. What goes between the nodes goes over real sockets. Not a test.
 */
import { onTestFinished } from "vitest";

import { scriptedAgent, type ScriptedAgent, type ScriptedTurn } from "../../../src/actors/index.ts";
import { openRuntime, type Runtime } from "../../../src/runtime/index.ts";
import { type AppServer, createAppServer, createNodeRelay, type RelayLimits } from "../../../src/server/index.ts";
import { type Listener, openListener } from "../../../src/server/transports/index.ts";
import { type ClientOptions, TestClient } from "../server-fixture.ts";
import type { NodeStore, LeasedStore } from "./leased-store.ts";

export interface TestNode {
  readonly store: NodeStore;
  readonly server: AppServer;
  readonly runtime: Runtime;
  readonly agent: ScriptedAgent;
  readonly url: string;
  connect(options?: ClientOptions): Promise<TestClient>;
  /** As a killed process: no connection is left, and nobody is told. Its lease holds until the test says otherwise. */
  kill(): Promise<void>;
  /** Done at the test's end, if not before. */
  close(): Promise<void>;
}

export interface NodeOptions {
  readonly turns?: readonly ScriptedTurn[];
  readonly limits?: Partial<RelayLimits>;
  /** What it asks of its clients. */
  readonly token?: string;
  /** What it shows to other nodes. */
  readonly nodeToken?: string;
}

/** Opens a node that is closed after the test. */
export async function openNode(shared: LeasedStore, options: NodeOptions = {}): Promise<TestNode> {
  const { turns = [], limits = {}, token, nodeToken } = options;
  const store = shared.node();
  const agent = scriptedAgent({ turns });
  const runtime = await openRuntime({ store: store.store, agent, cwd: "/srv/ws" });
  const relay = createNodeRelay({
    token: nodeToken,
    limits: { retryMs: 5, retryMsMax: 20, takeoverMs: 5_000, ...limits },
  });
  const server = createAppServer({ runtime, agent, cwd: "/srv/ws", relay });
  const listener: Listener = await openListener("ws://127.0.0.1:0", { token }, server.accept);
  store.url = listener.address;
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    closing ??= (async () => {
      await listener.close();
      await server.close();
      await runtime.close({ timeoutMs: 1_000 });
    })();
    await closing;
  };
  onTestFinished(close);
  return {
    store,
    server,
    runtime,
    agent,
    url: listener.address,
    connect: async (options) => await TestClient.connect(server, options),
    close,
    kill: async () => {
      await listener.close();
      await server.close("killed");
    },
  };
}
