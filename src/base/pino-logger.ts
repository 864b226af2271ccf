/**
 * The pino adapter of Logger. pino is imported when the first logger is made and not before: a
 * program that logs nothing does not load it.
 *
 * Lines are JSON, written synchronously, so that the last line before a crash is there to be read.
 */
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
  const settings = { level, base, timestamp: stdTimeFunctions.isoTime };
  const logger: Logger = pino(settings, destination({ dest: options.destination ?? 2, sync: true }));
  return logger;
}
