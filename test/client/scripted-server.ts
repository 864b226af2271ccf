/**
 * A server that does what a test says: it keeps what it was sent and answers when it is told to. `initialize` it
 * answers by itself. Its messages may be anything, also what no server should send. Not a test.
 */
import type { Connection, ConnectionAcceptor } from "../../src/server/transports/index.ts";

export interface SeenMessage {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** One client, as the server sees it. */
export class ServedClient {
  readonly connection: Connection;
  readonly seen: SeenMessage[] = [];
  isGone = false;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  send(message: unknown): void {
    this.connection.send(JSON.stringify(message));
  }

  /** Tells a notification. */
  tell(method: string, params: unknown): void {
    this.send({ method, params });
  }

  /** The requests of a method, in their order. */
  requests(method: string): readonly SeenMessage[] {
    return this.seen.filter((message) => message.method === method && message.id !== undefined);
  }
}

/** Answers a request: a result, `undefined` for no answer, or throws what is sent as the error. */
export type Script = (client: ServedClient, message: SeenMessage) => unknown;

export class WireRefusal extends Error {
  readonly body: { readonly code: number; readonly message: string; readonly data?: unknown };

  constructor(body: { readonly code: number; readonly message: string; readonly data?: unknown }) {
    super(body.message);
    this.body = body;
  }
}

export interface ScriptedServer {
  readonly acceptor: ConnectionAcceptor;
  readonly clients: readonly ServedClient[];
  /** The client that connected last. */
  readonly client: ServedClient;
}

export const IDENTITY = { userAgent: "scripted", codexHome: "/h", platformFamily: "unix", platformOs: "linux" };

export function createScriptedServer(script: Script = () => undefined): ScriptedServer {
  const clients: ServedClient[] = [];
  return {
    clients,
    get client() {
      const last = clients.at(-1);
      if (last === undefined) throw new Error("nobody has connected");
      return last;
    },
    acceptor: (connection) => {
      const client = new ServedClient(connection);
      clients.push(client);
      return {
        received: (text) => {
          const message = JSON.parse(text) as SeenMessage;
          client.seen.push(message);
          if (message.id === undefined || message.method === undefined) return;
          try {
            const result =
              message.method === "initialize" ? (script(client, message) ?? IDENTITY) : script(client, message);
            if (result !== undefined) client.send({ id: message.id, result });
          } catch (error) {
            if (!(error instanceof WireRefusal)) throw error;
            client.send({ id: message.id, error: error.body });
          }
        },
        closed: () => {
          client.isGone = true;
        },
      };
    },
  };
}
