/**
 * A thread store as a gRPC service (skein.thread_store.v1) on HTTP/2, for RemoteThreadStores and whatever speaks gRPC,
 * gRPC-Web or Connect. It serves the store that it is given and never closes it.
 *
 * Without a token whoever reaches the port can read and delete every thread: where other machines can, one is
 * required. TLS is as good as its certificate; without it token and threads can be read on the way.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import {
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { isIP } from "node:net";

import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import {
  checkOptions,
  type Clock,
  createIdSource,
  faultFromSystem,
  isSkeinError,
  LIMITS,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
  withinTime,
} from "../../base/index.ts";
import type { ThreadStore } from "../thread-store.ts";
import { EventRing } from "./event-ring.ts";
import { createFollowingService } from "./following-service.ts";
import { Health } from "./gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { ThreadStoreService } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { createHealthService } from "./health-service.ts";
import { createReadingService } from "./reading-service.ts";
import { createReflectionService } from "./reflection-service.ts";
import { SessionRegistry } from "./session-registry.ts";
import { createSessionService } from "./session-service.ts";
import { ThreadWatches } from "./thread-watches.ts";
import { toConnectError } from "./wire-errors.ts";
import { createWritingService } from "./writing-service.ts";

/** What a thread store is served with. */
export interface ServeThreadStoreOptions {
  /** The store to serve. It stays the caller's to close, after the server. */
  readonly store: ThreadStore;
  /** HOST:PORT to listen at; port 0 takes a free one. Default 127.0.0.1:0. */
  readonly listen?: string;
  /** What clients must send. Required where the host is not a loopback address. */
  readonly token?: string;
  /** Certificate and key, PEM. Default: none, then the connection is not encrypted. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Times out clients that stay away. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Hears of bugs and of clients that stay away, never of tokens or threads' contents. Default: silent. */
  readonly logger?: Logger;
}

/** A thread store that is being served. */
export interface ServedThreadStore extends AsyncDisposable {
  /** For clients on this machine: http://127.0.0.1:4600. */
  readonly url: string;
  readonly port: number;
  /** Clients that are connected. */
  readonly clientCount: number;
  /** Takes no more calls, waits a short time for those under way, shuts down the clients' writers. Idempotent. */
  close(): Promise<void>;
}

const OPTIONS: Readonly<Record<keyof ServeThreadStoreOptions, true>> = {
  store: true,
  listen: true,
  token: true,
  tls: true,
  clock: true,
  logger: true,
};
/** Longest that a closing server waits for calls under way, milliseconds. */
const CLOSING_MAX_MS = 5_000;
/** Streams of one connection at a time. */
const STREAMS_MAX = 10_000;
/** Memory of one connection, MB: Node's 10 are less than one large append. */
const SESSION_MEMORY_MB = 256;
/** Bytes that are sent ahead of a reader, a stream. */
const WINDOW_BYTES = 512 * 1024;

/** Serves a store. `invalid_argument` for options that can't be used, `io_error` where the port is taken. */
export async function serveThreadStore(options: ServeThreadStoreOptions): Promise<ServedThreadStore> {
  checkOptions("serveThreadStore", options, OPTIONS);
  const place = listenPlace(options.listen ?? "127.0.0.1:0");
  checkToken(options.token, place.host);
  const server = new Server(options, place);
  await server.listen();
  return server;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

function listenPlace(listen: string): Place {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(listen) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined || Number(port) > 65_535) {
    throw rejection("invalid_argument", `a place to listen at is HOST:PORT, not ${JSON.stringify(listen)}`, { listen });
  }
  return { host, port: Number(port) };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function checkToken(token: string | undefined, host: string): void {
  if (token === undefined && !isLoopback(host)) {
    throw rejection(
      "invalid_argument",
      `other machines can connect to ${host}: set a token that clients must send, or listen at 127.0.0.1`,
      { host },
    );
  }
  if (token !== undefined && !/^[\x21-\x7e]{1,4096}$/.test(token)) {
    throw rejection("invalid_argument", "a token is 1 to 4096 visible ASCII characters without spaces");
  }
}

class Server implements ServedThreadStore {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #place: Place;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #isSecure: boolean;
  readonly #sessions: SessionRegistry;
  readonly #ring: EventRing;
  readonly #watches: ThreadWatches;
  readonly #closing = new AbortController();
  readonly #connections = new Set<ServerHttp2Session>();
  readonly #calls = new Set<Promise<unknown>>();
  #port = 0;
  #closed: Promise<void> | null = null;

  constructor(options: ServeThreadStoreOptions, place: Place) {
    const { store, clock = systemClock, logger = silentLogger, token, tls } = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#place = place;
    this.#isSecure = tls !== undefined;
    const ids = createIdSource();
    this.#sessions = new SessionRegistry({ store, clock, ids, logger });
    this.#ring = new EventRing({ store, clock, newGeneration: () => ids.next() });
    this.#watches = new ThreadWatches({ store, clock });
    const listener = guarded(this.#handler(store), token);
    const shared = {
      maxSessionMemory: SESSION_MEMORY_MB,
      settings: { maxConcurrentStreams: STREAMS_MAX, initialWindowSize: WINDOW_BYTES },
    };
    this.#server =
      tls === undefined
        ? createServer(shared, listener)
        : createSecureServer({ ...shared, ...tls, allowHTTP1: true }, listener);
    this.#server.on("session", (session: ServerHttp2Session) => {
      this.#connections.add(session);
      session.on("close", () => this.#connections.delete(session));
      session.on("error", (error: Error) => logger.debug({ error }, "a client's connection failed"));
    });
  }

  get url(): string {
    const { host } = this.#place;
    const shown = host.includes(":") ? `[${host}]` : host;
    return `${this.#isSecure ? "https" : "http"}://${shown}:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get clientCount(): number {
    return this.#sessions.heldCount;
  }

  async listen(): Promise<void> {
    const { host, port } = this.#place;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) =>
        reject(faultFromSystem(error, `listen at ${host}:${port}`, { host, port })),
      );
      this.#server.listen(port, host, resolve);
    });
    this.#server.on("error", (error: Error) => this.#logger.error({ error }, "the server's socket failed"));
    const address = this.#server.address();
    this.#port = typeof address === "object" && address !== null ? address.port : port;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const isDown = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#closing.abort(new ConnectError("the server is closing", Code.Unavailable));
    await withinTime(Promise.allSettled(this.#calls), this.#clock, CLOSING_MAX_MS);
    // A store that answers no more must not keep its server.
    await withinTime(this.#sessions.close(), this.#clock, CLOSING_MAX_MS);
    this.#ring.close();
    for (const connection of this.#connections) connection.close();
    if (!(await withinTime(isDown, this.#clock, CLOSING_MAX_MS))) {
      for (const connection of this.#connections) connection.destroy();
      await isDown;
    }
  }

  #handler(store: ThreadStore): ReturnType<typeof connectNodeAdapter> {
    const parts = { store, sessions: this.#sessions, ring: this.#ring };
    return connectNodeAdapter({
      routes: (router) => {
        router.service(ThreadStoreService, {
          ...createSessionService(parts),
          ...createWritingService(parts),
          ...createReadingService(store),
          ...createFollowingService({ store, watches: this.#watches }),
        });
        router.service(Health, createHealthService(this.#closing.signal));
        router.service(ServerReflection, createReflectionService([ThreadStoreService, Health, ServerReflection]));
      },
      interceptors: [this.#watchCalls()],
      readMaxBytes: LIMITS.messageBytesMax,
      writeMaxBytes: LIMITS.messageBytesMax,
      shutdownSignal: this.#closing.signal,
    });
  }

  /** Makes errors those of the wire, and keeps calls under way in sight of a close. */
  #watchCalls(): Interceptor {
    return (next) => async (request) => {
      const call = next(request);
      this.#calls.add(call);
      try {
        const response = await call;
        return response.stream ? { ...response, message: this.#watchStream(response.message) } : response;
      } catch (error) {
        throw this.#told(error);
      } finally {
        this.#calls.delete(call);
      }
    };
  }

  async *#watchStream<Message>(messages: AsyncIterable<Message>): AsyncIterable<Message> {
    try {
      yield* messages;
    } catch (error) {
      throw this.#told(error);
    }
  }

  #told(error: unknown): ConnectError {
    if (!isSkeinError(error) && !(error instanceof ConnectError)) this.#logger.error({ error }, "a call failed");
    return toConnectError(error);
  }
}

type Listener = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** Refuses calls without the token before anything of them is read. Health checks need none. */
function guarded(handler: ReturnType<typeof connectNodeAdapter>, token: string | undefined): Listener {
  if (token === undefined) return handler;
  const wanted = digest(`Bearer ${token}`);
  return (request, response) => {
    const isHealth = request.url.startsWith(`/${Health.typeName}/`);
    if (isHealth || timingSafeEqual(digest(request.headers.authorization ?? ""), wanted)) {
      handler(request, response);
      return;
    }
    const message = "send the token that the server was started with";
    const type = request.headers["content-type"] ?? "";
    if (type.startsWith("application/grpc")) {
      const status = { "grpc-status": String(Code.Unauthenticated), "grpc-message": encodeURIComponent(message) };
      response.writeHead(200, { "content-type": type, ...status });
      response.end();
    } else {
      response.writeHead(401, { "content-type": "application/json" });
      response.end(JSON.stringify({ code: "unauthenticated", message }));
    }
    request.resume();
  };
}

/** Of one length whatever the text, so that comparing tells nothing of it. */
function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
