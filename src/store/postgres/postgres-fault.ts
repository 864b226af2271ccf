/**
 * Errors of the server and of its connections in Skein's words. No bare error of the driver leaves the store:
 * what is known gets its code, everything else is an `io_error` that names what was tried.
 */
import { type ErrorData, fault, type FaultCode, isSkeinError, type SkeinError } from "../../base/index.ts";

/** Codes of the server (SQLSTATE), whole or by class. */
const SERVER_FAULTS: Readonly<Record<string, { readonly code: FaultCode; readonly retryable: boolean }>> = {
  "53100": { code: "disk_full", retryable: true },
  "53200": { code: "server_overloaded", retryable: true },
  "53300": { code: "server_overloaded", retryable: true },
  "42501": { code: "permission_denied", retryable: false },
  "28": { code: "permission_denied", retryable: false },
  "3D": { code: "connection_failed", retryable: false },
  "57014": { code: "timed_out", retryable: true },
  "55P03": { code: "timed_out", retryable: true },
  "25P03": { code: "connection_lost", retryable: true },
  "40": { code: "io_error", retryable: true },
};

/** The server ends, starts, or is a standby: another try goes to one that serves. */
const LOST_STATES: ReadonlySet<string> = new Set(["57P01", "57P02", "57P03", "57P05", "25006", "08"]);

const LOST_ERRNOS: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENETDOWN",
  "ECONNABORTED",
  "EADDRNOTAVAIL",
]);

const LOST_TEXT =
  /connection (was )?(terminated|closed|ended)|client (was|has) (closed|encountered a connection error)|timeout exceeded when trying to connect|timeout expired|not queryable|connection error/i;

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

/** The server's own code of an error; undefined where it isn't the server's. */
export function sqlStateOf(error: unknown): string | undefined {
  const code = codeOf(error);
  return code !== undefined &&
    /^[0-9A-Z]{5}$/.test(code) &&
    typeof error === "object" &&
    error !== null &&
    "severity" in error
    ? code
    : undefined;
}

/** Whether the connection is gone, or the server doesn't serve just now: what was asked for may have been done. */
export function isConnectionLoss(error: unknown): boolean {
  if (isSkeinError(error)) return error.code === "connection_lost";
  const state = sqlStateOf(error);
  if (state !== undefined) return LOST_STATES.has(state) || LOST_STATES.has(state.slice(0, 2));
  const errno = codeOf(error);
  if (errno !== undefined && LOST_ERRNOS.has(errno)) return true;
  // A socket's file is there while its server runs.
  if (errno === "ENOENT" && error instanceof Error && "syscall" in error && error.syscall === "connect") return true;
  return error instanceof Error && LOST_TEXT.test(error.message);
}

/** Whether two transactions were in each other's way: the same again can work at once. */
export function isCollision(error: unknown): boolean {
  return sqlStateOf(error)?.startsWith("40") === true;
}

/** Whether a lock was waited for in vain: nothing of the statement was done. */
export function isLocked(error: unknown): boolean {
  return sqlStateOf(error) === "55P03";
}

/** Whether the server takes no more connections just now. */
export function isFull(error: unknown): boolean {
  return sqlStateOf(error) === "53300";
}

/** What a driver says of a server that it can't come to terms with, and what a certificate is refused with: no code tells. */
const REFUSALS: readonly (readonly [RegExp, FaultCode, string])[] = [
  [/^SASL:|password must be a string/i, "permission_denied", "check the user and the password in the url"],
  [
    /does not support SSL|There was an error establishing an SSL connection/i,
    "connection_failed",
    "turn TLS on at the server, or leave sslmode out of the url",
  ],
];
const CERTIFICATE_CODE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|^ERR_TLS|^ERR_SSL|^EPROTO$/;

/** A connection that is refused before the server says anything of its own; undefined for what is none. */
function refusalFault(error: Error, attempted: string, data: ErrorData): SkeinError | undefined {
  const known = REFUSALS.find(([text]) => text.test(error.message));
  const isCertificate = CERTIFICATE_CODE.test(codeOf(error) ?? "");
  if (known === undefined && !isCertificate) return undefined;
  const [, code, step] = known ?? [
    null,
    "connection_failed" as const,
    "name the server's authority with sslrootcert in the url",
  ];
  return fault(code, `could not ${attempted}: ${error.message}; ${step}`, { data, cause: error });
}

/** An error as a SkeinError; one that is none of the server's nor of a connection passes as it is: a bug. */
export function postgresFault(error: unknown, attempted: string, data: ErrorData = {}): unknown {
  if (isSkeinError(error)) return error;
  if (!(error instanceof Error)) return error;
  if (isConnectionLoss(error)) return connectionLost(attempted, error, data);
  const state = sqlStateOf(error);
  if (state === undefined) return refusalFault(error, attempted, data) ?? error;
  const known = SERVER_FAULTS[state] ?? SERVER_FAULTS[state.slice(0, 2)];
  return fault(known?.code ?? "io_error", `could not ${attempted}: PostgreSQL says: ${error.message}`, {
    retryable: known?.retryable ?? false,
    data: { ...data, sqlState: state },
    cause: error,
  });
}

/** The connection went away, and with it the answer. */
export function connectionLost(attempted: string, cause: unknown, data: ErrorData = {}): SkeinError {
  const state = sqlStateOf(cause);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return fault(
    "connection_lost",
    `could not ${attempted}: the connection to PostgreSQL was lost (${reason}); try again once the server is reached`,
    { retryable: true, data: state === undefined ? data : { ...data, sqlState: state }, cause },
  );
}
