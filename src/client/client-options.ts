/**
 * What a client is made with, and the check of it: where the server is, who the client is, and what it does when the
 * connection is lost. Checked once, before anything is opened: a misspelt option or an address that can be none is
 * refused with what to give instead, and a token is never repeated.
 */
import type { ChildProcess } from "node:child_process";
import { resolve } from "node:path";

import {
  checkOptions,
  type Clock,
  type FillRandom,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
  systemRandom,
} from "../base/index.ts";
import type { RequestParams } from "../server/protocol/index.ts";
import { CLIENT_LIMITS, RECONNECT_DEFAULTS } from "./client-limits.ts";
import type { ReconnectSettings } from "./connection-keeper.ts";
import type { Dial } from "./dial.ts";
import { commandDial, processDial, type ServerCommand } from "./dial-process.ts";
import { socketDial } from "./dial-socket.ts";
import { webSocketDial } from "./dial-web-socket.ts";
import { type ClientIdentity, DEFAULT_IDENTITY } from "./handshake.ts";
import type { UnhandledRequests } from "./server-request-desk.ts";

/** What `connectClient` takes: one of `address`, `addresses`, `command` and `spawn`; all else has a default. */
export interface ClientOptions {
  /** "unix:///run/skein.sock" (lines), "ws://127.0.0.1:4500", "wss://…", or "ws+unix:///run/codex.sock" (WebSocket). */
  readonly address?: string;
  /**
   * Several nodes that serve the same threads, each as `address` says it: the first that answers is used, and when it
   * is gone the next one. Threads and feeds go on there from where they were. One token is for all of them.
   */
  readonly addresses?: readonly string[];
  /** A server to start, spoken to over its standard input and output. It ends with the client. */
  readonly command?: ServerCommand;
  /** As `command`, for who starts processes otherwise. Its standard input and output must be pipes. */
  readonly spawn?: () => ChildProcess;
  /** Who the server is told we are. Default: "skein-client" and this package's version. */
  readonly clientInfo?: ClientIdentity;
  /** Whether experimental methods and members may be used. Default true. */
  readonly experimental?: boolean;
  /** For `ws://` and `wss://`: what the server asks for. It is sent as a bearer token, and never logged. */
  readonly token?: string;
  /** Notifications, by exact name, that the server need not send. Default: none. */
  readonly optOutNotificationMethods?: readonly string[];
  /** Bounds of making a lost connection again, where they differ from RECONNECT_DEFAULTS; false: don't. */
  readonly reconnect?: Partial<ReconnectSettings> | false;
  /** After a reconnection, whether threads that were started, resumed or forked are subscribed to again. Default true. */
  readonly resubscribe?: boolean;
  /** Server requests without a handler: "refuse" answers at once, "ignore" leaves them to other clients. Default "refuse". */
  readonly unhandledRequests?: UnhandledRequests;
  /** Milliseconds a request waits for a connection and its answer. Default 60,000. */
  readonly requestTimeoutMs?: number;
  /**
   * Milliseconds for one attempt to connect, up to the server's answer to `initialize`. Default 60,000; with several
   * addresses 10,000 for each.
   */
  readonly connectTimeoutMs?: number;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Spreads the attempts of many clients. Default: the machine's randomness. */
  readonly fillRandom?: FillRandom;
}

/** The options, complete. */
export interface CheckedClientOptions {
  /** One for each address; at least one. */
  readonly dials: readonly Dial[];
  readonly initialize: RequestParams<"initialize">;
  readonly reconnect: ReconnectSettings | null;
  readonly resubscribe: boolean;
  readonly unhandledRequests: UnhandledRequests;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly fillRandom: FillRandom;
}

const OPTIONS: Readonly<Record<keyof ClientOptions, true>> = {
  address: true,
  addresses: true,
  command: true,
  spawn: true,
  clientInfo: true,
  experimental: true,
  token: true,
  optOutNotificationMethods: true,
  reconnect: true,
  resubscribe: true,
  unhandledRequests: true,
  requestTimeoutMs: true,
  connectTimeoutMs: true,
  logger: true,
  clock: true,
  fillRandom: true,
};
const RECONNECT_OPTIONS: Readonly<Record<keyof ReconnectSettings, true>> = {
  attemptsMax: true,
  delayMs: true,
  delayMaxMs: true,
  totalMsMax: true,
};

/** The options with their defaults. `invalid_argument`. */
export function checkClientOptions(options: ClientOptions): CheckedClientOptions {
  checkOptions("connectClient", options, OPTIONS);
  const { clientInfo = DEFAULT_IDENTITY, experimental = true, optOutNotificationMethods = [] } = options;
  const { requestTimeoutMs = CLIENT_LIMITS.requestTimeoutMs } = options;
  const dials = dialsOf(options);
  const { connectTimeoutMs = dials.length > 1 ? CLIENT_LIMITS.nodeConnectTimeoutMs : CLIENT_LIMITS.connectTimeoutMs } =
    options;
  const { resubscribe = true, unhandledRequests = "refuse" } = options;
  const { logger = silentLogger, clock = systemClock, fillRandom = systemRandom } = options;
  requirePositive("requestTimeoutMs", requestTimeoutMs);
  requirePositive("connectTimeoutMs", connectTimeoutMs);
  if (unhandledRequests !== "refuse" && unhandledRequests !== "ignore") {
    throw rejection("invalid_argument", 'unhandledRequests is "refuse" or "ignore"');
  }
  return {
    dials,
    initialize: { clientInfo, capabilities: { experimentalApi: experimental, optOutNotificationMethods } },
    reconnect: reconnectOf(options.reconnect),
    resubscribe,
    unhandledRequests,
    requestTimeoutMs,
    connectTimeoutMs,
    logger,
    clock,
    fillRandom,
  };
}

function dialsOf({ address, addresses, command, spawn, token }: ClientOptions): readonly Dial[] {
  const given = [address, addresses, command, spawn].filter((place) => place !== undefined);
  if (given.length !== 1) throw rejection("invalid_argument", "give one of address, addresses, command and spawn");
  if (address !== undefined) return [addressDial(address, token)];
  if (addresses !== undefined) return nodeDials(addresses, token);
  if (token !== undefined) throw noToken();
  if (spawn !== undefined) return [processDial(spawn)];
  if (typeof command?.file !== "string" || command.file === "") {
    throw rejection("invalid_argument", "command needs a file: the program to start");
  }
  return [commandDial(command)];
}

function nodeDials(addresses: readonly string[], token: string | undefined): readonly Dial[] {
  const { addressesMax, nodeHeartbeatMs, heartbeatMs } = CLIENT_LIMITS;
  if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > addressesMax) {
    throw rejection("invalid_argument", `addresses is a list of 1 to ${addressesMax} addresses`);
  }
  // A node that is silent is left sooner where there is another one.
  const beatMs = addresses.length > 1 ? nodeHeartbeatMs : heartbeatMs;
  return addresses.map((address) => addressDial(address, token, beatMs));
}

function addressDial(
  address: string,
  token: string | undefined,
  heartbeatMs: number = CLIENT_LIMITS.heartbeatMs,
): Dial {
  const [, scheme, rest = ""] = /^([a-z+]+):\/\/(.+)$/i.exec(address) ?? [];
  switch (scheme?.toLowerCase()) {
    case "unix":
      if (token !== undefined) throw noToken();
      return socketDial(resolve(rest));
    case "ws":
    case "wss":
    case "ws+unix":
      if (!URL.canParse(address)) throw noAddress();
      return webSocketDial({ url: address, token, heartbeatMs });
    case undefined:
    default:
      throw noAddress();
  }
}

function noAddress() {
  return rejection(
    "invalid_argument",
    "not an address of a server: give unix:///run/skein.sock or ws://127.0.0.1:4500, or a command to start",
  );
}

function noToken() {
  return rejection("invalid_argument", "a token is for ws:// and wss:// addresses");
}

function reconnectOf(reconnect: ClientOptions["reconnect"] = {}): ReconnectSettings | null {
  if (reconnect === false) return null;
  checkOptions("reconnect", reconnect, RECONNECT_OPTIONS);
  const settings = { ...RECONNECT_DEFAULTS, ...reconnect };
  for (const [name, value] of Object.entries(settings)) requirePositive(`reconnect.${name}`, value);
  return settings;
}

function requirePositive(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw rejection("invalid_argument", `${name} must be a positive number`, { value });
}
