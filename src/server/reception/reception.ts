/**
 * Reception: takes clients while the server behind it still opens. `initialize` needs no home, so it is answered at
 * once; everything else is kept, in order, and handed to the server when it is there. When opening fails, every
 * request that waits is answered with the reason.
 *
 * Invariants
 *   R1  A client can't tell the reception from the server but by time: what is answered here the server would have
 *       answered in the same words, and whatever else it sent the server hears in the order it came.
 *   R2  Only the first message of a client is answered here. One that begins with something else is kept whole.
 *   R3  What is kept for a client is bounded: past the bound a request is answered with "overloaded", as the server
 *       does, and other messages are dropped. So is how many clients are kept; past it they are closed.
 *   R4  Every request that was kept is answered once: by the server, or with the reason why there is none.
 */
import { type Logger, silentLogger } from "../../base/index.ts";
import type { AppServer } from "../app-server.ts";
import { SERVER_LIMITS } from "../server-limits.ts";
import type { Connection, ConnectionAcceptor, ConnectionHandler } from "../transports/index.ts";
import { WaitingClient } from "./waiting-client.ts";

/** What `createReception` takes. */
export interface ReceptionOptions {
  /** Folder of the home, told to clients, as the server will tell it. */
  readonly home: string;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}

/** What takes the clients over. */
type ServerBehind = Pick<AppServer, "accept">;

/** Makes a reception with nobody behind it yet. */
export function createReception({ home, logger = silentLogger }: ReceptionOptions): Reception {
  return new Reception(home, logger);
}

export class Reception {
  readonly #home: string;
  readonly #logger: Logger;
  /** In the order they connected. */
  readonly #waiting = new Set<WaitingClient>();
  #server: ServerBehind | null = null;
  #failure: { readonly error: unknown } | null = null;
  #originator: string | null = null;

  constructor(home: string, logger: Logger) {
    this.#home = home;
    this.#logger = logger;
  }

  /** Takes a client: the acceptor that transports are given. */
  readonly accept: ConnectionAcceptor = (connection: Connection): ConnectionHandler => {
    if (this.#server !== null) return this.#server.accept(connection);
    const client: WaitingClient = new WaitingClient({
      connection,
      home: this.#home,
      logger: this.#logger,
      originatorFor: (name) => (this.#originator ??= name),
      left: () => this.#waiting.delete(client),
    });
    if (this.#failure !== null) client.turnAway(this.#failure.error);
    else if (this.#waiting.size < SERVER_LIMITS.waitingClientsMax) this.#waiting.add(client);
    else connection.close("too many clients wait for the server");
    return client;
  };

  /** Clients that wait. */
  get waitingCount(): number {
    return this.#waiting.size;
  }

  /** The server is there: it takes over who waits, and everybody who comes. Once. */
  open(server: ServerBehind): void {
    this.#server = server;
    for (const client of this.#takeWaiting()) client.handOver(server);
  }

  /** There will be no server: answers what waits with the reason, and closes. Nothing, where the server is there. */
  fail(error: unknown): void {
    if (this.#server !== null || this.#failure !== null) return;
    this.#failure = { error };
    for (const client of this.#takeWaiting()) client.turnAway(error);
  }

  #takeWaiting(): readonly WaitingClient[] {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    return waiting;
  }
}
