/**
 * From nothing to a conversation that the server takes requests on: dials, and introduces the client, within a time.
 * Who gives up in between leaves no connection behind: one that opens late is closed at once.
 */
import { type Clock, fault, type Logger, SKEIN_VERSION, type SkeinError } from "../base/index.ts";
import type { RequestParams, RequestResult } from "../server/protocol/index.ts";
import { Conversation, type ConversationHearer } from "./conversation.ts";
import type { Dial } from "./dial.ts";

/** Who the client says it is. */
export interface ClientIdentity {
  /** Must be usable as the value of an HTTP header. Default "skein-client". */
  readonly name: string;
  readonly title?: string | null;
  /** Default: this package's. */
  readonly version: string;
}

/** Who the server says it is. */
export type ServerIdentity = RequestResult<"initialize">;

/** How to introduce oneself. */
export interface HandshakeParts {
  readonly dial: Dial;
  readonly initialize: RequestParams<"initialize">;
  readonly hearerOf: (conversation: () => Conversation | undefined) => ConversationHearer;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A conversation that has begun. */
export interface Opened {
  readonly conversation: Conversation;
  readonly server: ServerIdentity;
}

/** What clients are called that have no name of their own. */
export const DEFAULT_IDENTITY: ClientIdentity = Object.freeze({ name: "skein-client", version: SKEIN_VERSION });

/** Opens a conversation. Rejects with `connection_failed`, the server's refusal, or the signal's reason. */
export async function openConversation(parts: HandshakeParts, signal: AbortSignal): Promise<Opened> {
  const { clock, timeoutMs } = parts;
  const attempt = new AbortController();
  const stopped = Promise.withResolvers<never>();
  let conversation: Conversation | undefined;
  const stop = (reason: unknown): void => {
    attempt.abort(reason);
    conversation?.close("the attempt to connect was given up");
    stopped.reject(reason);
  };
  const onAbort = (): void => stop(signal.reason);
  const timer = clock.setTimer(timeoutMs, () => stop(tooLate(timeoutMs)), { holdsProcess: true });
  if (signal.aborted) onAbort();
  else signal.addEventListener("abort", onAbort, { once: true });
  try {
    const begin = introduce(parts, attempt.signal, (made) => {
      conversation = made;
    });
    return await Promise.race([begin, stopped.promise]);
  } finally {
    timer.cancel();
    signal.removeEventListener("abort", onAbort);
  }
}

async function introduce(
  { dial, initialize, hearerOf, clock, logger }: HandshakeParts,
  signal: AbortSignal,
  made: (conversation: Conversation) => void,
): Promise<Opened> {
  let conversation: Conversation | undefined;
  await dial({
    signal,
    clock,
    logger,
    acceptor: (connection, lossData) => {
      conversation = new Conversation({ connection, lossData, logger, hearer: hearerOf(() => conversation) });
      made(conversation);
      return conversation;
    },
  });
  if (conversation === undefined) throw fault("connection_failed", "the dialler gave no connection");
  try {
    if (signal.aborted) throw signal.reason as SkeinError;
    const server = (await conversation.request("initialize", initialize)) as unknown as ServerIdentity;
    conversation.notify("initialized");
    return { conversation, server };
  } catch (error) {
    conversation.close("the server did not let us begin");
    throw error;
  }
}

function tooLate(timeoutMs: number): SkeinError {
  return fault("connection_failed", `no server answered within ${timeoutMs} ms`, {
    retryable: true,
    data: { timeoutMs },
  });
}
