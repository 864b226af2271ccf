/**
 * Errors over the wire. One of Skein's travels whole, as a detail: its code, whether it is a rejection, whether trying
 * again can help, the values that disagree. The status of the call is a summary for clients that know gRPC and not
 * Skein. What has no detail comes from the connection, or from something between, and gets a code by its status.
 */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import {
  type ErrorCode,
  type ErrorData,
  errorKindOf,
  fault,
  isSkeinError,
  rejection,
  type RejectionCode,
  SkeinError,
} from "../../base/index.ts";
import {
  type DataValue,
  DataValueSchema,
  type ErrorDetail,
  ErrorDetailSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";

/** Longest message, and longest text in an error's data: they travel in headers, whose room is small. */
const TEXT_CHARS_MAX = 1_000;
/** Values of an error's data that travel. */
const DATA_VALUES_MAX = 16;

const NOT_FOUND: ReadonlySet<string> = new Set(["thread_not_found", "turn_not_found", "thread_not_loaded"]);
const EXISTS: ReadonlySet<string> = new Set(["thread_exists"]);
const CONFLICTS: ReadonlySet<string> = new Set(["ordinal_conflict", "thread_owned_elsewhere", "lease_lost"]);
const ARGUMENTS: ReadonlySet<string> = new Set([
  "invalid_argument",
  "invalid_thread_id",
  "invalid_cursor",
  "empty_input",
]);
const EXHAUSTED: ReadonlySet<string> = new Set([
  "disk_full",
  "too_many_open_files",
  "too_many_threads",
  "mailbox_full",
  "server_overloaded",
  "rollout_too_large",
]);
const UNAVAILABLE: ReadonlySet<string> = new Set([
  "runtime_closed",
  "connection_lost",
  "connection_failed",
  "state_db_busy",
  "backfill_running",
]);

/** The status that sums an error up. */
function statusOf({ code, kind }: SkeinError): Code {
  if (NOT_FOUND.has(code)) return Code.NotFound;
  if (EXISTS.has(code)) return Code.AlreadyExists;
  if (ARGUMENTS.has(code)) return Code.InvalidArgument;
  if (CONFLICTS.has(code)) return Code.Aborted;
  if (EXHAUSTED.has(code)) return Code.ResourceExhausted;
  if (UNAVAILABLE.has(code)) return Code.Unavailable;
  if (code === "unsupported") return Code.Unimplemented;
  if (code === "permission_denied") return Code.PermissionDenied;
  if (code === "timed_out") return Code.DeadlineExceeded;
  if (code === "rollout_unreadable" || code === "history_truncated") return Code.DataLoss;
  return kind === "rejection" || code.startsWith("writer_") ? Code.FailedPrecondition : Code.Internal;
}

/** An error as it is sent. One that is not Skein's is a bug of the server: what it says stays there. */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (!isSkeinError(error)) {
    return new ConnectError("the server failed; its log says how", Code.Internal, undefined, undefined, error);
  }
  const detail = toDetail(error);
  return new ConnectError(
    detail.message,
    statusOf(error),
    undefined,
    [{ desc: ErrorDetailSchema, value: detail }],
    error,
  );
}

/** An error as one of several outcomes. */
export function toErrorDetail(error: unknown): ErrorDetail {
  if (isSkeinError(error)) return toDetail(error);
  return toDetail(fault("request_failed", "the server failed; its log says how"));
}

function toDetail(error: SkeinError): ErrorDetail {
  const data = Object.fromEntries(
    Object.entries(error.data)
      .slice(0, DATA_VALUES_MAX)
      .map(([name, value]) => [bounded(name), toDataValue(value)]),
  );
  const { code, kind, retryable } = error;
  const message = bounded(error.message);
  return create(ErrorDetailSchema, { code, isRejection: kind === "rejection", retryable, data, message });
}

/** Cut and without broken surrogates, which a header can't hold. */
function bounded(text: string): string {
  const short = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
  return short.toWellFormed();
}

function toDataValue(value: string | number | boolean | null): DataValue {
  switch (typeof value) {
    case "string":
      return create(DataValueSchema, { value: { case: "text", value: bounded(value) } });
    case "number":
      return create(DataValueSchema, { value: { case: "number", value } });
    case "boolean":
      return create(DataValueSchema, { value: { case: "flag", value } });
    default:
      return create(DataValueSchema);
  }
}

/** An error as it came in. */
export function fromConnectError(error: unknown, url: string): SkeinError {
  if (isSkeinError(error)) return error;
  const connectError = ConnectError.from(error);
  const [detail] = connectError.findDetails(ErrorDetailSchema);
  if (detail !== undefined && detail.code !== "") return fromErrorDetail(detail, connectError);
  return fromStatus(connectError, url);
}

/** An error that came with others. */
export function fromErrorDetail(detail: ErrorDetail, cause?: ConnectError): SkeinError {
  const { code, isRejection, retryable, message } = detail;
  const data: Record<string, string | number | boolean | null> = {};
  for (const [name, { value }] of Object.entries(detail.data))
    data[name] = value.case === undefined ? null : value.value;
  if (errorKindOf(code) === undefined) {
    // A newer server's: what it means is not known here, that it failed is.
    const withCode: ErrorData = { ...data, serverCode: code };
    return fault("request_failed", `${message} (${code})`, { retryable, data: withCode, cause });
  }
  // errorKindOf knows it.
  const known = code as ErrorCode;
  return new SkeinError(known, message, { kind: isRejection ? "rejection" : "fault", retryable, data, cause });
}

function fromStatus(cause: ConnectError, url: string): SkeinError {
  const { code, rawMessage } = cause;
  const said = rawMessage === "" ? Code[code] : rawMessage;
  const data = { url };
  switch (code) {
    case Code.DeadlineExceeded:
      return fault("timed_out", `${url} did not answer in time: try again, or allow it more`, {
        retryable: true,
        data,
        cause,
      });
    case Code.Unauthenticated:
    case Code.PermissionDenied:
      return fault("permission_denied", `${url} refuses the token: pass the one it was started with`, { data, cause });
    case Code.ResourceExhausted:
      return fault("request_failed", `a message was larger than ${url} or this client takes: ${said}`, { data, cause });
    case Code.Unimplemented:
      return refusal(
        "unsupported",
        `${url} does not serve this: is it a thread store of this version? (${said})`,
        data,
      );
    case Code.Unavailable:
    case Code.Aborted:
    case Code.Canceled:
    case Code.Unknown:
    case Code.Internal:
      if (cause.isWireError && code === Code.Internal) return fault("request_failed", said, { data, cause });
      return fault("connection_lost", `the connection to ${url} was lost before the answer came: ${said}`, {
        retryable: true,
        data,
        cause,
      });
    default:
      return fault("request_failed", `${url} answered ${Code[code]}: ${said}`, { data, cause });
  }
}

function refusal(code: RejectionCode, message: string, data: ErrorData): SkeinError {
  return rejection(code, message, data);
}
