/**
 * Logging as a port: rooms get a Logger and never write to the console. Standard output belongs to
 * data (the CLI, the protocol); log lines go to standard error or where the embedder sends them.
 */

/** Structured log sink. `fields` come first, as in pino, so a pino logger fits as it is. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const drop = (): void => {};

/** Keeps nothing. The default of the library: a library does not write where nobody asked. */
export const silentLogger: Logger = Object.freeze({
  debug: drop,
  info: drop,
  warn: drop,
  error: drop,
});
