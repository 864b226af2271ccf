/**
 * Why a model request failed, as a fault: `agent_failed` with the HTTP status where there was one and
 * whether the same request may work later. Errors of the client are recognised by shape (status,
 * headers), so that this file needs no import of it.
 */
import { fault, isSkeinError, type SkeinError } from "../../base/index.ts";

/** Codes inside an answer that say "later", not "never". */
const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  "server_error",
  "rate_limit_exceeded",
  "slow_down",
  "overloaded",
  "server_is_overloaded",
]);

const RETRYABLE_STATUS: ReadonlySet<number> = new Set([408, 409, 429]);

/** A failed request as a fault; a SkeinError passes as it is. */
export function toAgentFault(error: unknown): SkeinError {
  if (isSkeinError(error)) return error;
  const { status, headers, code } = error as { status?: unknown; headers?: unknown; code?: unknown };
  const reason = error instanceof Error ? error.message : String(error);
  const httpStatus = typeof status === "number" ? status : null;
  const retryAfterMs = retryAfterOf(headers);
  const retryable =
    httpStatus === null
      ? typeof code === "string"
        ? RETRYABLE_CODES.has(code)
        : true
      : httpStatus >= 500 || RETRYABLE_STATUS.has(httpStatus);
  return fault("agent_failed", `the model request failed: ${reason}${hintFor(httpStatus)}`, {
    retryable,
    data: {
      status: httpStatus,
      ...(typeof code === "string" ? { errorCode: code } : {}),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
    cause: error,
  });
}

/** An answer that says it failed (`response.failed`, an `error` event). */
export function answerFault(code: string | null | undefined, message: string): SkeinError {
  return fault("agent_failed", `the model failed: ${message}`, {
    retryable: code !== null && code !== undefined && RETRYABLE_CODES.has(code),
    data: { status: null, errorCode: code ?? null },
  });
}

function hintFor(status: number | null): string {
  if (status === 401) return " (check OPENAI_API_KEY or the apiKey option)";
  if (status === 404) return " (check the model's name and OPENAI_BASE_URL or the baseUrl option)";
  return "";
}

/** `retry-after-ms`, or `retry-after` in seconds. A date is not read: it would need the wall clock of the server. */
function retryAfterOf(headers: unknown): number | undefined {
  if (!(headers instanceof Headers)) return undefined;
  const ms = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (Number.isFinite(ms) && ms >= 0) return ms;
  const header = headers.get("retry-after") ?? "";
  const seconds = /^\s*\d+(\.\d+)?\s*$/.test(header) ? Number.parseFloat(header) : Number.NaN;
  return Number.isFinite(seconds) ? seconds * 1_000 : undefined;
}
