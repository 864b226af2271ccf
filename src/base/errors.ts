/**
 * The one error that leaves Skein. Errors are data: a `code` to branch on, whether trying again can
 * help, and the values that disagree. They are recognised by `code`, never by class, because a hop
 * over a worker or a wire keeps only plain data.
 *
 * A *rejection* is the domain saying no (a rollback of 0 turns): the caller must change the request.
 * A *fault* is the world failing (disk full, another writer): the same request may work later when
 * `retryable` is true. A *bug* is neither: it is an AssertionError (see assert.ts) and is not caught.
 */

const REJECTION_CODES = [
  "invalid_argument",
  "invalid_thread_id",
  "invalid_cursor",
  "empty_input",
  "thread_not_found",
  "thread_not_loaded",
  "thread_exists",
  "thread_archived",
  "thread_not_archived",
  "thread_closed",
  "thread_not_materialized",
  "turn_not_found",
  "turn_running",
  "no_turn_running",
  "turn_mismatch",
  "turn_not_steerable",
  "mailbox_full",
  "unsupported",
  "request_refused",
] as const;

/** Codes of rejections: the request itself can't be granted. */
export type RejectionCode = (typeof REJECTION_CODES)[number];

const FAULT_CODES = [
  "ordinal_conflict",
  "writer_fenced",
  "writer_closed",
  "rollout_unreadable",
  "rollout_too_large",
  "digest_mismatch",
  "state_db_required",
  "state_db_busy",
  "state_db_newer",
  "state_db_unusable",
  "checkpoint_unreadable",
  "store_not_durable",
  "store_newer",
  "store_unusable",
  "history_truncated",
  "backfill_running",
  "lease_lost",
  "thread_owned_elsewhere",
  "io_error",
  "disk_full",
  "permission_denied",
  "too_many_open_files",
  "too_many_threads",
  "home_unusable",
  "agent_failed",
  "aborted",
  "timed_out",
  "runtime_closed",
  "thread_failed",
  "connection_failed",
  "connection_lost",
  "request_failed",
  "server_overloaded",
] as const;

/** Codes of faults: the world failed while the request was fine. */
export type FaultCode = (typeof FAULT_CODES)[number];

/** Every code an error of Skein has. */
export type ErrorCode = RejectionCode | FaultCode;

/** The kind of the errors with this code; undefined where Skein has no such code. For errors that come over a wire. */
export function errorKindOf(code: string): "rejection" | "fault" | undefined {
  if (REJECTION_CODES.some((known) => known === code)) return "rejection";
  return FAULT_CODES.some((known) => known === code) ? "fault" : undefined;
}

/** Values that explain an error: numbers that disagree, ids, paths. Plain JSON. */
export type ErrorData = Readonly<Record<string, string | number | boolean | null>>;

/** What an error carries beside its code and message. */
export interface SkeinErrorOptions {
  /** `rejection` or `fault`, see the file's head. */
  readonly kind: "rejection" | "fault";
  /** Whether the same call may succeed later without change. Default false. */
  readonly retryable?: boolean;
  readonly data?: ErrorData;
  readonly cause?: unknown;
}

/** Everything Skein throws on purpose. Test it with `isSkeinError(error, "code")`. */
export class SkeinError extends Error {
  override readonly name = "SkeinError";
  readonly code: ErrorCode;
  readonly kind: "rejection" | "fault";
  readonly retryable: boolean;
  readonly data: ErrorData;

  constructor(code: ErrorCode, message: string, options: SkeinErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = options.kind;
    this.retryable = options.retryable ?? false;
    this.data = options.data ?? {};
  }

  /** Plain data for a wire or a log; the cause is left out. */
  toJSON(): Record<string, unknown> {
    const { code, kind, message, retryable, data } = this;
    return { code, kind, message, retryable, data };
  }
}

/** A rejection: the request must change. `message` says what to do instead. */
export function rejection(code: RejectionCode, message: string, data: ErrorData = {}): SkeinError {
  return new SkeinError(code, message, { kind: "rejection", data });
}

/** A fault: the world failed. */
export function fault(code: FaultCode, message: string, options: Omit<SkeinErrorOptions, "kind"> = {}): SkeinError {
  return new SkeinError(code, message, { ...options, kind: "fault" });
}

/** Whether this is one of Skein's errors (by shape), optionally with this code. */
export function isSkeinError(error: unknown, code?: ErrorCode): error is SkeinError {
  if (typeof error !== "object" || error === null) return false;
  const shape = error as { code?: unknown; kind?: unknown; retryable?: unknown };
  if (shape.kind !== "rejection" && shape.kind !== "fault") return false;
  if (typeof shape.code !== "string" || typeof shape.retryable !== "boolean") return false;
  return code === undefined || shape.code === code;
}

const SYSTEM_FAULTS: Readonly<Record<string, { code: FaultCode; retryable: boolean }>> = {
  ENOSPC: { code: "disk_full", retryable: true },
  EDQUOT: { code: "disk_full", retryable: true },
  EFBIG: { code: "rollout_too_large", retryable: false },
  EACCES: { code: "permission_denied", retryable: false },
  EPERM: { code: "permission_denied", retryable: false },
  EROFS: { code: "permission_denied", retryable: false },
  EMFILE: { code: "too_many_open_files", retryable: true },
  ENFILE: { code: "too_many_open_files", retryable: true },
};

/** Turns an operating-system error into a fault that names what was tried; a SkeinError passes as it is. */
export function faultFromSystem(error: unknown, attempted: string, data: ErrorData = {}): SkeinError {
  if (isSkeinError(error)) return error;
  const errno = systemCode(error);
  const known = errno === undefined ? undefined : SYSTEM_FAULTS[errno];
  const reason = error instanceof Error ? error.message : String(error);
  return fault(known?.code ?? "io_error", `could not ${attempted}: ${reason}`, {
    retryable: known?.retryable ?? false,
    data: errno === undefined ? data : { ...data, errno },
    cause: error,
  });
}

/** The `code` of an operating-system error (`ENOENT`, …), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}
