/**
 * The way in to a server: all clients come through here, wherever they connected.
 * It remembers whether any of them said something.
 */
import type { ConnectionAcceptor } from "../server/transports/index.ts";

/** The server's door, which remembers whether anybody ever said something. */
export interface Entrance {
  readonly accept: ConnectionAcceptor;
  readonly wasUsed: boolean;
}

/** Makes the way in to what `accept` stands for. */
export function createEntrance(accept: ConnectionAcceptor): Entrance {
  let wasUsed = false;
  return {
    accept: (connection) => {
      const handler = accept(connection);
      return {
        received: (text) => {
          wasUsed = true;
          handler.received(text);
        },
        closed: (reason) => handler.closed(reason),
      };
    },
    get wasUsed(): boolean {
      return wasUsed;
    },
  };
}
