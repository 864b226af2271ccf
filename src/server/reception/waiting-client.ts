/**
 * WaitingClient: one client of the reception. It is greeted when its first message is an `initialize` that can be
 * granted; what it sends then is kept until the server takes it over, or until it is turned away. What a client
 * sent before it left is kept too: it may have ended its side only, and the server would have heard it.
 */
import { isSkeinError, type Logger, nextLoopTurn } from "../../base/index.ts";
import type { AppServer } from "../app-server.ts";
import { type InitializedClient, readIntroduction, welcomeOf } from "../client-info.ts";
import { encodeError, encodeResult, parseEnvelope, RPC_CODES, type RpcErrorBody } from "../protocol/index.ts";
import { overloaded } from "../rpc-error.ts";
import { SERVER_LIMITS } from "../server-limits.ts";
import type { Connection, ConnectionHandler } from "../transports/index.ts";

export interface WaitingClientOptions {
  readonly connection: Connection;
  readonly home: string;
  readonly logger: Logger;
  /** Name of the first client that was greeted: this one's, where it is the first. */
  readonly originatorFor: (name: string) => string;
  /** It is gone, and nothing of it is kept. */
  readonly left: () => void;
}

export class WaitingClient implements ConnectionHandler {
  readonly #options: WaitingClientOptions;
  /** What waits, in order. */
  readonly #kept: string[] = [];
  #keptLength = 0;
  #hasSpoken = false;
  #client: InitializedClient | null = null;
  /** Who hears it now; null while it waits. */
  #handler: ConnectionHandler | null = null;
  #refusal: RpcErrorBody | null = null;
  /** Why it left; null while it is there. */
  #leftReason: string | null = null;

  constructor(options: WaitingClientOptions) {
    this.#options = options;
  }

  received(text: string): void {
    if (this.#handler !== null) {
      this.#handler.received(text);
      return;
    }
    if (this.#refusal !== null) {
      this.#refuse(text, this.#refusal);
      return;
    }
    const isFirst = !this.#hasSpoken;
    this.#hasSpoken = true;
    if (!isFirst || !this.#greet(text)) this.#keep(text);
  }

  closed(reason: string): void {
    if (this.#leftReason !== null) return;
    this.#leftReason = reason;
    if (this.#handler !== null) this.#handler.closed(reason);
    else if (this.#kept.length === 0) this.#options.left();
  }

  /** The server hears it from now on, and first what was kept. */
  handOver(server: Pick<AppServer, "accept">): void {
    const { connection, originatorFor } = this.#options;
    const client = this.#client;
    const introduced = client === null ? undefined : { client, originator: originatorFor(client.name) };
    const handler = server.accept(connection, introduced);
    const leftBefore = this.#leftReason;
    this.#handler = handler;
    for (const text of this.#kept.splice(0)) {
      // The server may close it for what it said.
      if (this.#leftReason !== leftBefore) return;
      handler.received(text);
    }
    // As for one that leaves right after its last message: what takes no time is answered.
    if (leftBefore !== null) void nextLoopTurn().then(() => handler.closed(leftBefore));
  }

  /** Answers what it asked with the reason why there is no server, and closes. */
  turnAway(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the server could not start: ${reason}`;
    const data = isSkeinError(error) ? { ...error.data, skeinCode: error.code, retryable: error.retryable } : undefined;
    const refusal = { code: RPC_CODES.internalError, message, ...(data === undefined ? {} : { data }) };
    this.#refusal = refusal;
    for (const text of this.#kept.splice(0)) this.#refuse(text, refusal);
    this.#options.connection.close(message);
  }

  /** Answers `initialize`; false, and nothing is done, where it is another message or one that the server refuses. */
  #greet(text: string): boolean {
    const envelope = parseEnvelope(text);
    if (envelope?.kind !== "request" || envelope.method !== "initialize") return false;
    const client = readIntroduction(envelope.params);
    if (client === null) return false;
    const { connection, home, originatorFor } = this.#options;
    const originator = originatorFor(client.name);
    this.#client = client;
    connection.send(encodeResult(envelope.id, welcomeOf(client, { originator, home })));
    return true;
  }

  #keep(text: string): void {
    const isFull =
      this.#kept.length >= SERVER_LIMITS.requestsPerClientMax ||
      this.#keptLength + text.length > SERVER_LIMITS.keptPerClientMax;
    if (isFull) {
      this.#refuse(text, overloaded());
      return;
    }
    this.#kept.push(text);
    this.#keptLength += text.length;
  }

  #refuse(text: string, body: RpcErrorBody): void {
    const { connection, logger } = this.#options;
    const envelope = parseEnvelope(text);
    if (envelope?.kind === "request") connection.send(encodeError(envelope.id, body));
    else logger.warn({ client: connection.name, bytes: text.length }, "dropped a message of a client that waits");
  }
}
