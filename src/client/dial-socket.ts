/**
 * Dials a unix socket, and speaks lines over it. A server of ours tells them from a WebSocket's handshake by the
 * first byte; the peer takes WebSockets only, there (`ws+unix://`).
 */
import { connect, type Socket } from "node:net";

import { fault, type SkeinError, systemCode } from "../base/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";
import { type Dial, noLossData } from "./dial.ts";
import { openLineLink } from "./line-link.ts";

/** Makes a dialler of the socket at this path. */
export function socketDial(path: string): Dial {
  return async ({ acceptor, signal, clock }) => {
    const socket = await open(path, signal);
    const link = openLineLink({
      name: `unix://${path}`,
      input: socket,
      output: socket,
      acceptor: (connection) => acceptor(connection, noLossData),
      clock,
      closeMs: CLIENT_LIMITS.closeMs,
      end: () => void socket.end(),
      destroy: () => void socket.destroy(),
    });
    socket.on("end", () => link.close("the server closed the connection"));
    socket.on("error", (error) => link.gone(`the socket failed: ${error.message}`));
    socket.on("close", () => link.gone("the server is gone"));
  };
}

function open(path: string, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const onAbort = (): void => void socket.destroy(signal.reason as Error);
    const onError = (error: Error): void => {
      signal.removeEventListener("abort", onAbort);
      reject(unreachable(path, error));
    };
    socket.once("error", onError);
    socket.once("connect", () => {
      signal.removeEventListener("abort", onAbort);
      socket.off("error", onError);
      resolve(socket);
    });
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

function unreachable(path: string, error: Error): SkeinError {
  const errno = systemCode(error) ?? "";
  const data = { address: `unix://${path}`, errno };
  // A server that starts, or starts again, makes its socket in a moment; one that we may not reach never lets us.
  const retryable = errno !== "EACCES" && errno !== "EPERM";
  return fault("connection_failed", `nobody could be reached at unix://${path}: ${error.message}`, {
    retryable,
    data,
    cause: error,
  });
}
