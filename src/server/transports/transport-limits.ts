/**
 * What one client, and all of them together, may take from the server, each bound with its reason. The same
 * bounds hold for every transport; a listener is handed what differs from these defaults.
 */
import { LIMITS, rejection } from "../../base/index.ts";

/** The bounds of a listener and of its connections. */
export interface TransportLimits {
  /** Longest message a client may send, bytes. */
  readonly messageBytesMax: number;
  /** Bytes of messages that wait for one client before it is closed. The last one taken may go past it. */
  readonly queueBytesMax: number;
  /** Bytes that may wait for a client for as long as it likes: one that stands still is no harm below it. */
  readonly stallBytesMax: number;
  /** How long a client may take nothing while more than `stallBytesMax` waits for it, milliseconds. */
  readonly stallMs: number;
  /** Bytes joined in one write. */
  readonly writeBytesMax: number;
  /** How long sending what is queued and closing may take together, milliseconds. */
  readonly closeMs: number;
  /** Clients connected to one listener at a time. */
  readonly connectionsMax: number;
  /** How long an HTTP request, and so the handshake of a WebSocket, may take to come in, milliseconds. */
  readonly handshakeMs: number;
  /** Bytes of an HTTP request's header. */
  readonly headerBytesMax: number;
  /** How often a WebSocket that said nothing is asked if it is still there; one that does not answer is closed. */
  readonly heartbeatMs: number;
}

/** The defaults, and their reasons. */
export const TRANSPORT_LIMITS: TransportLimits = Object.freeze({
  messageBytesMax: LIMITS.messageBytesMax,
  // Twice the longest message that comes in: the whole history of a long thread in one answer, and events meanwhile.
  queueBytesMax: 64 * 1024 * 1024,
  // A client that a debugger holds still keeps its connection, and costs no more than this.
  stallBytesMax: 1024 * 1024,
  stallMs: 30_000,
  // Some times what a socket takes at once (about 200 KiB): more only makes the joined text longer.
  writeBytesMax: 256 * 1024,
  closeMs: 5_000,
  connectionsMax: 256,
  handshakeMs: 10_000,
  // Node's own bound. A browser's cookies for localhost take some of it.
  headerBytesMax: 16 * 1024,
  heartbeatMs: 30_000,
});

/** The defaults with what differs. `invalid_argument` for a bound that is no positive whole number. */
export function withDefaultLimits(limits: Partial<TransportLimits> = {}): TransportLimits {
  const all = { ...TRANSPORT_LIMITS, ...limits };
  for (const [name, value] of Object.entries(all)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw rejection("invalid_argument", `the limit ${name} must be a positive whole number`, { limit: name });
  }
  return all;
}
