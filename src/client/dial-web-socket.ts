/**
 * Dials a WebSocket with the client's own bounds, and says what a client can do about a token that is missing. What
 * goes over it, and how, is the transports' business.
 */
import { dialWebSocket } from "../server/transports/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { type Dial, noLossData } from "./dial.ts";

/** Which server, and how soon it is taken for gone. */
export interface WebSocketPlace {
  readonly url: string;
  /** Goes into the handshake's header, and nowhere else. */
  readonly token: string | undefined;
  readonly heartbeatMs: number;
}

/** Makes a dialler of this place. */
export function webSocketDial({ url, token, heartbeatMs }: WebSocketPlace): Dial {
  return async ({ acceptor, signal, clock }) => {
    const { messageBytesMax, outbound } = CLIENT_LIMITS;
    await dialWebSocket({
      url,
      token,
      tokenRemedy: "give the server's token as the option token",
      acceptor: (connection) => acceptor(connection, noLossData),
      signal,
      clock,
      limits: { messageBytesMax, outbound, heartbeatMs },
    });
  };
}
