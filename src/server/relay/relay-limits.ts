/**
 * Bounds of handing requests on to other nodes, each with its reason. What one connection may hold is the
 * transports' own bound.
 */
import { LIMITS } from "../../base/index.ts";
import { TRANSPORT_LIMITS } from "../transports/index.ts";

/** The bounds of a relay. */
export interface RelayLimits {
  /** Milliseconds for one try to reach a node, up to its answer to `initialize`. */
  readonly connectMs: number;
  /** Milliseconds a request goes on trying to reach a thread's owner, or to become it. */
  readonly takeoverMs: number;
  /** Milliseconds between two such tries: the first wait, and the longest. */
  readonly retryMs: number;
  readonly retryMsMax: number;
  /** Milliseconds between pings of another node; one that does not answer within one is taken for gone. */
  readonly heartbeatMs: number;
  /** Milliseconds that a connection nothing is asked over stays open. */
  readonly idleMs: number;
  /** Nodes that one client's requests are handed on to at the same time. */
  readonly linksPerClientMax: number;
  /** Threads of other nodes that one client is subscribed to. */
  readonly threadsPerClientMax: number;
  /** Threads that are taken up again at the same time, for one client, when their owner is gone. */
  readonly rejoinsAtOnce: number;
  /** Longest message that a node may send, bytes. */
  readonly messageBytesMax: number;
}

/** The defaults, and their reasons. */
export const RELAY_LIMITS: RelayLimits = Object.freeze({
  // A node that is stopped takes connections, and answers none.
  connectMs: 3_000,
  // Twice the time that a lease of PostgreSQL's lasts, so that a dead owner's thread is had in one request.
  takeoverMs: 20_000,
  retryMs: 100,
  retryMsMax: 1_000,
  // Found out before its lease has run out, and not by a pause of its garbage collector.
  heartbeatMs: 4_000,
  idleMs: 30_000,
  linksPerClientMax: 32,
  threadsPerClientMax: 10_000,
  rejoinsAtOnce: 8,
  // As a client takes them: an answer can hold the whole history of a thread.
  messageBytesMax: LIMITS.lineBytesMax,
});

/** Bytes on their way to another node, and how long they may be stuck: as to any client. */
export const RELAY_OUTBOUND = TRANSPORT_LIMITS;
