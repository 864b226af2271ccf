/**
 * What a remote store is opened with, checked once at the door: where the server is, how it is trusted and how it
 * trusts us, and how long an answer may take.
 */
import { checkOptions, type Clock, type Logger, rejection, silentLogger, systemClock } from "../../base/index.ts";

/** What a remote store is opened with. */
export interface RemoteThreadStoreOptions {
  /** Where the server is: http://HOST:PORT or https://HOST:PORT. */
  readonly url: string;
  /** The token that the server was started with. */
  readonly token?: string;
  /** Certificates to trust in place of the machine's own, PEM (https). */
  readonly ca?: string;
  /** Longest wait for an answer, milliseconds, 1 to 3,600,000. Past it: `timed_out`. Default 60,000. */
  readonly callTimeoutMs?: number;
  /** Longest wait for a connection, milliseconds, 1 to 3,600,000. Default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Names this client to others whose calls it stands in the way of. Default "skein". */
  readonly clientName?: string;
  /** Sets the pace of signs of life and of trying again. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Hears of lost connections, and of listeners that throw. Default: silent. */
  readonly logger?: Logger;
}

/** The options with their defaults. */
export interface CheckedRemoteOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly ca: string | undefined;
  readonly callTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly clientName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const OPTIONS: Readonly<Record<keyof RemoteThreadStoreOptions, true>> = {
  url: true,
  token: true,
  ca: true,
  callTimeoutMs: true,
  connectTimeoutMs: true,
  clientName: true,
  clock: true,
  logger: true,
};
const TIMEOUT_MAX_MS = 3_600_000;

/** Checks them. `invalid_argument` says which can't be used. */
export function checkRemoteOptions(options: RemoteThreadStoreOptions): CheckedRemoteOptions {
  checkOptions("openRemoteThreadStore", options, OPTIONS);
  const { token, ca, clientName = "skein", clock = systemClock, logger = silentLogger } = options;
  if (token !== undefined && (typeof token !== "string" || !/^[\x21-\x7e]{1,4096}$/.test(token))) {
    throw rejection("invalid_argument", "a token is 1 to 4096 visible ASCII characters without spaces");
  }
  return {
    url: serverUrl(options.url),
    token,
    ca,
    callTimeoutMs: duration("callTimeoutMs", options.callTimeoutMs ?? 60_000),
    connectTimeoutMs: duration("connectTimeoutMs", options.connectTimeoutMs ?? 10_000),
    clientName,
    clock,
    logger,
  };
}

function serverUrl(text: unknown): string {
  const url = typeof text === "string" && URL.canParse(text) ? new URL(text) : undefined;
  const isServer = url !== undefined && (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "";
  // What stands behind the port would not be called.
  const isPlain = url !== undefined && url.pathname === "/" && url.search === "" && url.hash === "";
  if (!isServer || !isPlain || url.username !== "" || url.password !== "") {
    throw rejection("invalid_argument", "the url of a thread store is http://HOST:PORT or https://HOST:PORT");
  }
  return url.origin;
}

function duration(name: string, value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= TIMEOUT_MAX_MS) return value;
  throw rejection("invalid_argument", `${name} must be a whole number of 1 to ${TIMEOUT_MAX_MS} milliseconds`);
}
