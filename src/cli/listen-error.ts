/**
 * What `skein serve` says when it can't listen somewhere: what is in the way, and the command to type instead. Errors
 * that are not about the place pass as they are.
 */
import { isSkeinError, SkeinError } from "../base/index.ts";
import { parseListenAddress } from "../server/transports/index.ts";

const PORT_MAX = 65_535;
/** Ports that only a privileged process may take. */
const PRIVILEGED_PORTS = 1_024;

/** The error with what to do next; one that is not about the place stays as it is. `command` is how serve is called. */
export function explainListenError(error: unknown, address: string, command: string): unknown {
  if (!isSkeinError(error)) return error;
  const place = parseListenAddress(address);
  const tell = (message: string, nextStep: string): unknown =>
    new SkeinError(error.code, message, {
      kind: error.kind,
      retryable: error.retryable,
      data: { ...error.data, address, nextStep },
      cause: error,
    });
  const { errno } = error.data;
  if (errno === "EADDRINUSE") {
    const elsewhere = place.kind === "ws" ? `ws://${place.host}:${nextPort(place.port)}` : `${address}2`;
    return tell(
      `another process listens at ${address} already`,
      `connect to that one, or listen elsewhere: ${command} --listen ${elsewhere}`,
    );
  }
  if (place.kind !== "ws") return error;
  if (error.code === "permission_denied" && place.port < PRIVILEGED_PORTS) {
    return tell(
      error.message,
      `a port from ${PRIVILEGED_PORTS} on needs no rights: ${command} --listen ws://127.0.0.1:4500`,
    );
  }
  if (error.code === "invalid_argument" && error.data["host"] !== undefined) {
    return tell(
      error.message,
      `the environment variable SKEIN_TOKEN sets the token: SKEIN_TOKEN=$(openssl rand -hex 32)`,
    );
  }
  if (errno !== undefined)
    return tell(error.message, `for this machine alone: ${command} --listen ws://127.0.0.1:4500`);
  return error;
}

function nextPort(port: number): number {
  return port < PORT_MAX ? port + 1 : port - 1;
}
