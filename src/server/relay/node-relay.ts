/**
 * What a server needs to hand requests on to other nodes: how to reach one, and within which bounds. Which node
 * owns a thread is the store's word: it refuses the writer with `thread_owned_elsewhere` and the owner's address.
 */
import type { Clock } from "../../base/index.ts";
import { type ConnectionAcceptor, dialWebSocket } from "../transports/index.ts";
import { RELAY_LIMITS, RELAY_OUTBOUND, type RelayLimits } from "./relay-limits.ts";

/** Opens one connection to the node at this address. Rejects with `connection_failed`, also when aborted. */
export type NodeDial = (parts: NodeDialParts) => Promise<void>;

/** One try to reach a node. */
export interface NodeDialParts {
  readonly url: string;
  readonly acceptor: ConnectionAcceptor;
  /** Aborted when this try is given up. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** How requests are handed on. */
export interface NodeRelay {
  readonly dial: NodeDial;
  readonly limits: RelayLimits;
}

/** What `createNodeRelay` takes. */
export interface NodeRelayOptions {
  /** What the other nodes ask of their clients: the token that all nodes share. Never logged. */
  readonly token?: string | undefined;
  /** Bounds that differ from RELAY_LIMITS. */
  readonly limits?: Partial<RelayLimits>;
}

/** A relay that reaches other nodes by WebSocket. It opens nothing before a request needs it. */
export function createNodeRelay({ token, limits = {} }: NodeRelayOptions = {}): NodeRelay {
  const all = { ...RELAY_LIMITS, ...limits };
  const { messageBytesMax, heartbeatMs } = all;
  const dial: NodeDial = (parts) =>
    dialWebSocket({
      ...parts,
      token: token === "" ? undefined : token,
      tokenRemedy: "all nodes need the same SKEIN_TOKEN",
      limits: { messageBytesMax, heartbeatMs, outbound: RELAY_OUTBOUND },
    });
  return { dial, limits: all };
}
