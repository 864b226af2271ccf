/**
 * The pino adapter of Logger. pino is imported when the first logger is made and not before: a
 * program that logs nothing does not load it.
 *
 * Lines are JSON, written synchronously, so that the last line before a crash is there to be read. Of an error they
 * have what it says and where it comes from, and nothing that others hung on it: that may be a secret, or a whole
 * connection.
 */
import { isSkeinError, systemCode } from "./errors.ts";
import type { Logger } from "./logger.ts";

/** How much is logged. Each level includes those before it. */
export type LogLevel = "error" | "warn" | "info" | "debug";

/** Where log lines go and how many of them. */
export interface PinoLoggerOptions {
  /** Default "info". */
  readonly level?: LogLevel;
  /** A file's path, or a file descriptor. Default 2: standard error. */
  readonly destination?: string | number;
  /** Members that every line carries. */
  readonly base?: Readonly<Record<string, unknown>>;
}

/** Makes a Logger that writes JSON lines through pino. Rejects when the destination can't be opened. */
export async function createPinoLogger(options: PinoLoggerOptions = {}): Promise<Logger> {
  const { destination, pino, stdTimeFunctions } = await import("pino");
  const { level = "info", base = {} } = options;
  const serializers = { error: (error: unknown) => toLoggedError(error) };
  const settings = { level, base, serializers, timestamp: stdTimeFunctions.isoTime };
  const logger: Logger = pino(settings, destination({ dest: options.destination ?? 2, sync: true }));
  return logger;
}

/** Errors below an error that are told. */
const CAUSES_MAX = 4;

function toLoggedError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const { name: type, message, stack, cause } = error;
  const code = systemCode(error);
  return {
    type,
    message,
    ...(code === undefined ? {} : { code }),
    ...(isSkeinError(error) ? { data: error.data } : {}),
    stack,
    ...(cause === undefined || depth >= CAUSES_MAX ? {} : { cause: toLoggedError(cause, depth + 1) }),
  };
}
