/**
 * Bounds of a client, each with its reason, and the defaults of what may be chosen. A client must not cost its
 * process more than this, whatever the server sends or does not send.
 */
import { LIMITS } from "../base/index.ts";
import { TRANSPORT_LIMITS } from "../server/transports/index.ts";

/** The bounds. */
export const CLIENT_LIMITS = Object.freeze({
  /** Longest message taken, bytes: an answer can hold the whole history of a thread, whose longest line this is. */
  messageBytesMax: LIMITS.lineBytesMax,
  /** Bytes of messages on their way out, and how long they may be stuck: the server's own bounds. */
  outbound: TRANSPORT_LIMITS,
  /** Requests without an answer: what a server of ours takes from one client. */
  requestsMax: 1_024,
  /** Milliseconds a request waits for its answer, and before that for a connection. */
  requestTimeoutMs: 60_000,
  /** Milliseconds from dialling to the answer of `initialize`: a cold server on a busy machine, filling its rows. */
  connectTimeoutMs: 60_000,
  /** As `connectTimeoutMs`, for each of several nodes: one that is stopped takes connections, and answers none. */
  nodeConnectTimeoutMs: 10_000,
  /** Addresses of one client: each may be tried before a request is sent. */
  addressesMax: 64,
  /** Requests of the server's that are being answered: what a server of ours asks in one turn, over many threads. */
  serverRequestsMax: 1_024,
  /** Events a feed of notifications, or of states, holds for a slow subscriber. */
  feedEventsMax: LIMITS.feedBufferEventsMax,
  /** Records under way to a feed of a thread, and so held for a slow consumer: a quarter of it feeds a fifth as fast. */
  windowDefault: LIMITS.feedBufferRecordsMax,
  windowMax: 10_000,
  /** Signals held for a slow consumer; the oldest is dropped, they are never promised. */
  signalsMax: LIMITS.feedBufferSignalsMax,
  /** Times in a row a feed asks again what a server has no time for, and how long it waits before, milliseconds. */
  feedRetriesMax: 20,
  feedRetryMs: 500,
  /** Threads that are subscribed to again after a reconnection; past it the oldest is forgotten. */
  threadsMax: 10_000,
  /** Threads that are subscribed to again at the same time. */
  resumesAtOnce: 8,
  /** Milliseconds `close` waits for last acknowledgements, and then again for the connection's end. */
  closeMs: 5_000,
  /** Milliseconds between pings of a silent WebSocket; a server that does not answer within one is gone. */
  heartbeatMs: 30_000,
  /** The same, where there is another node to go to. */
  nodeHeartbeatMs: 5_000,
  /** What is kept of a server process's standard error: enough for a stack trace. */
  stderrLinesMax: 20,
  stderrLineCharsMax: 1_000,
  /** Milliseconds a server process has to end after its input ended, then after SIGTERM: its own bound is 10 s. */
  exitMs: 15_000,
  killMs: 2_000,
});

/** How a lost connection is made again, where nothing else is said: for two minutes, and 20 times. */
export const RECONNECT_DEFAULTS = Object.freeze({
  attemptsMax: 20,
  delayMs: 100,
  delayMaxMs: 5_000,
  totalMsMax: 120_000,
});
