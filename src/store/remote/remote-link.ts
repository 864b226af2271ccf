/**
 * The connection of one client to its server: makes calls with their deadline and token, tells errors in Skein's
 * words, and makes a call again where that is safe: when nothing was begun, or when doing it twice does it once.
 * A connection that was lost is made anew by the next call.
 */
import { type CallOptions, type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

import { fault, isSkeinError, LIMITS, type SkeinError, sleep, systemCode } from "../../base/index.ts";
import { ThreadStoreService } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import type { CheckedRemoteOptions } from "./remote-options.ts";
import { fromConnectError } from "./wire-errors.ts";

/** Longest that a call is made again for, from its first loss on: a server is started again in less. */
const PATIENCE_MS = 15_000;
/** The same for a call whose caller does better to hear soon that nobody is there. */
export const BRIEF_PATIENCE_MS = 1_500;
/** The first pause before that; each further one is twice as long, but for those behind the last of these doublings. */
const RETRY_PAUSE_MS = 50;
const DOUBLINGS_MAX = 5;
/** A connection that answers no ping for this long is given up. */
const PING_MS = 10_000;
const SESSION_MEMORY_MB = 256;
const WINDOW_BYTES = 512 * 1024;
/** What says that no connection came to be. */
const UNSENT: ReadonlySet<string> = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

/** How a call is made. */
export interface CallKind {
  /** Making it twice does no more than making it once. */
  readonly isRepeatable: boolean;
  /** Longest that it is made again for, milliseconds. Default 15,000, and never longer than an answer may take. */
  readonly patienceMs?: number;
}

/** See the file's head. */
export class RemoteLink {
  readonly client: Client<typeof ThreadStoreService>;
  readonly url: string;
  readonly #options: CheckedRemoteOptions;
  readonly #connection: Http2SessionManager;
  readonly #closing = new AbortController();

  constructor(options: CheckedRemoteOptions) {
    const { url, token, ca, connectTimeoutMs } = options;
    this.#options = options;
    this.url = url;
    this.#connection = new Http2SessionManager(
      url,
      {
        pingIntervalMs: PING_MS,
        pingIdleConnection: true,
        pingTimeoutMs: PING_MS,
        connectTimeoutMs,
      },
      {
        maxSessionMemory: SESSION_MEMORY_MB,
        settings: { initialWindowSize: WINDOW_BYTES },
        ...(ca === undefined ? {} : { ca }),
      },
    );
    const transport = createGrpcTransport({
      baseUrl: url,
      sessionManager: this.#connection,
      interceptors: token === undefined ? [] : [withToken(token)],
      readMaxBytes: LIMITS.messageBytesMax,
      writeMaxBytes: LIMITS.messageBytesMax,
    });
    this.client = createClient(ThreadStoreService, transport);
  }

  /** Aborted when the store is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Makes a call; again where that is safe. */
  async call<Answer>(kind: CallKind, make: (options: CallOptions) => Promise<Answer>): Promise<Answer> {
    const { clock, callTimeoutMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + callTimeoutMs;
    let endMs = deadlineMs;
    for (let retries = 0; ; retries += 1) {
      try {
        const timeoutMs = Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs()));
        return await make({ timeoutMs, signal: this.closing });
      } catch (error) {
        const told = this.told(error);
        const isSafe = kind.isRepeatable || isUnsent(told);
        if (told.code !== "connection_lost" || !isSafe || isSessionOver(told)) throw told;
        const nowMs = clock.monotonicMs();
        if (retries === 0) endMs = Math.min(deadlineMs, nowMs + (kind.patienceMs ?? PATIENCE_MS));
        if (nowMs + pauseMs(retries) >= endMs) throw told;
        await this.pause(retries);
      }
    }
  }

  /**
   * Waits before something is tried for the next time, not longer than until `signal` is aborted. `runtime_closed` when
   * the store is closed meanwhile.
   */
  async pause(retries: number, signal: AbortSignal = this.closing): Promise<void> {
    const ends = AbortSignal.any([signal, this.closing]);
    try {
      await sleep(this.#options.clock, pauseMs(retries), ends);
    } catch (cause) {
      if (this.closing.aborted) throw closed(cause);
    }
  }

  /** An error in Skein's words. */
  told(error: unknown): SkeinError {
    if (this.closing.aborted) return closed(error);
    return fromConnectError(error, this.url);
  }

  /** Ends the connection; calls under way fail. */
  close(): void {
    this.#closing.abort();
    this.#connection.abort();
  }
}

function pauseMs(retries: number): number {
  return RETRY_PAUSE_MS * 2 ** Math.min(retries, DOUBLINGS_MAX);
}

/** Whether the server doesn't know the session any more. Nothing of the call was begun then. */
export function isSessionOver(error: unknown): boolean {
  return isSkeinError(error, "connection_lost") && error.data["isSessionOver"] === true;
}

/** A call on a store that was closed. */
export function closed(cause?: unknown): SkeinError {
  return fault("runtime_closed", "the store is closed", cause === undefined ? {} : { cause });
}

/** Whether no connection came to be. Nothing of the call was begun then either. */
export function isUnsent(error: SkeinError): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (UNSENT.has(systemCode(cause) ?? "")) return true;
  }
  return false;
}

function withToken(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
