/**
 * A network in memory between clients and an acceptor of connections: messages arrive in order, each in a turn of the
 * event loop of its own, so that a cut can come between any two of them, in either direction. What has not arrived
 * at a cut never does. Not a test.
 */
import { fault } from "../../src/base/index.ts";
import { type Dial, noLossData } from "../../src/client/dial.ts";
import type { Connection, ConnectionAcceptor, ConnectionHandler } from "../../src/server/transports/index.ts";

export interface MemoryNetwork {
  readonly dial: Dial;
  /** Connections that were opened. */
  readonly dialled: number;
  /** Cuts the connection that is open, if there is one. */
  cut(reason?: string): void;
  /** Whom new connections reach; null: nobody, they are refused. */
  serve(acceptor: ConnectionAcceptor | null): void;
}

/** Of each connection in turn, how many messages arrive before it is cut; those after the last are not cut. */
export type CutPlan = readonly number[];

export function createMemoryNetwork(acceptor: ConnectionAcceptor | null, cuts: CutPlan = []): MemoryNetwork {
  let server = acceptor;
  let dialled = 0;
  let open: Line | undefined;
  return {
    get dialled() {
      return dialled;
    },
    dial: async ({ acceptor: toClient, signal }) => {
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
      if (server === null) throw fault("connection_failed", "nobody is there", { retryable: true });
      const line = new Line(cuts[dialled] ?? Number.POSITIVE_INFINITY);
      dialled += 1;
      open = line;
      line.connect((connection) => toClient(connection, noLossData), server);
    },
    cut: (reason = "the network was cut") => open?.cut(reason),
    serve: (next) => {
      server = next;
    },
  };
}

class Line {
  #left: number;
  #isOver = false;
  #isRunning = false;
  readonly #queue: (() => void)[] = [];
  #ends: readonly ConnectionHandler[] = [];

  constructor(messagesMax: number) {
    this.#left = messagesMax;
  }

  connect(client: ConnectionAcceptor, server: ConnectionAcceptor): void {
    let [toClient, toServer]: [ConnectionHandler | undefined, ConnectionHandler | undefined] = [undefined, undefined];
    toServer = server(this.#end("memory", (text) => toClient?.received(text)));
    toClient = client(this.#end("memory server", (text) => toServer?.received(text)));
    this.#ends = [toClient, toServer];
  }

  cut(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#queue.length = 0;
    for (const end of this.#ends) setImmediate(() => end.closed(reason));
  }

  #end(name: string, deliver: (text: string) => void): Connection {
    return {
      name,
      send: (text) => {
        if (this.#isOver) return false;
        this.#post(() => {
          if (this.#left <= 0) return this.cut("the network was cut as planned");
          this.#left -= 1;
          deliver(text);
        });
        return true;
      },
      close: (reason) => this.#post(() => this.cut(reason)),
    };
  }

  #post(run: () => void): void {
    this.#queue.push(run);
    if (this.#isRunning) return;
    this.#isRunning = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#queue.shift()?.();
    if (this.#queue.length === 0) this.#isRunning = false;
    else setImmediate(() => this.#run());
  }
}
