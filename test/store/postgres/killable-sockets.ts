/**
 * Sockets of one store handle that all end at once, as the kernel ends those of a killed process; none is made after
 * that. The server sees the connections go, and the handle hears nothing any more.
 */
import { Socket } from "node:net";

/** See the file's head. */
export interface KillableSockets {
  readonly open: () => Socket;
  kill(): void;
}

/** Makes them. */
export function createKillableSockets(): KillableSockets {
  const sockets = new Set<Socket>();
  let isKilled = false;
  return {
    open() {
      if (isKilled) return new DeadSocket();
      const socket = new Socket();
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      return socket;
    },
    kill() {
      isKilled = true;
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}

/** Never connects. (A destroyed socket of Node's would come to life again.) */
class DeadSocket extends Socket {
  override connect(): this {
    setImmediate(() => this.destroy(new Error("connection ended: the process was killed")));
    return this;
  }
}
