/**
 * What a store on PostgreSQL is opened with, its defaults and bounds. Wrong ones are said at once, before
 * anything is connected.
 */
import type { Socket } from "node:net";

import {
  type Clock,
  createIdSource,
  type IdSource,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
} from "../../base/index.ts";
import type { LogIndex } from "../log-index.ts";
import type { ThreadLogSource } from "../log-source.ts";
import { requireDatabaseUrl } from "./database-url.ts";

/** How a store on PostgreSQL is opened. */
export interface PostgresStoreOptions {
  /** `postgres://user@host:port/database`. */
  readonly url: string;
  /** The schema its tables are in, made where there is none. Letters, digits and `_`, 63 at most. Default "skein". */
  readonly schema?: string;
  /** Names this node. */
  readonly node?: NodeOptions;
  /** How long a node that shows no sign of life keeps its threads, milliseconds, 300 to 600,000. Renewed each third of it. Default 10,000. */
  readonly leaseTtlMs?: number;
  /** Opens on a server that may lose what it acknowledged. The durability says so then. Default false. */
  readonly allowUnsafe?: boolean;
  /** Time of what is written. Leases go by the server's clock, waits by the machine's. Default: the system's. */
  readonly clock?: Clock;
  /** Makes thread ids. Default: UUIDv7 over the clock. */
  readonly ids?: IdSource;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Makes the rows beside the logs; closed with the store. Default: none. Lists and search need them. */
  readonly index?: (source: ThreadLogSource) => Promise<LogIndex>;
  /** Makes the sockets of its connections. Default: Node's; tests cut them. */
  readonly openSocket?: () => Socket;
}

/** How a node is named to others. */
export interface NodeOptions {
  /** One that lasts lets a node that is started again have its threads back at once. Two handles with one id fence each other. Default: a new one. */
  readonly id?: string;
  /** Where others reach it. Told to who wants a thread that it owns. */
  readonly url?: string;
}

/** The options with every default filled in. */
export type PostgresSettings = Required<Omit<PostgresStoreOptions, "node" | "index" | "openSocket">> &
  Pick<PostgresStoreOptions, "index" | "openSocket"> & {
    readonly nodeId: string;
    readonly nodeUrl: string | null;
    /** Waits and timers: the machine's clock, as the server doesn't wait for one that is moved by hand. */
    readonly timers: Clock;
  };

const LEASE_TTL_MS = 10_000;
const LEASE_TTL_MS_MIN = 300;
const LEASE_TTL_MS_MAX = 600_000;
const NODE_TEXT_CHARS_MAX = 2_048;
/** PostgreSQL's own. */
const SCHEMA_RESERVED = /^pg_|^information_schema$/;
const SCHEMA = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;

/** Fills in the defaults. `invalid_argument`. */
export function postgresSettings(options: PostgresStoreOptions): PostgresSettings {
  const { schema = "skein", clock = systemClock, leaseTtlMs = LEASE_TTL_MS, node = {} } = options;
  const url = requireDatabaseUrl(options.url);
  if (typeof schema !== "string" || !SCHEMA.test(schema)) {
    throw rejection("invalid_argument", "schema must be a name of letters, digits and _, 63 characters at most");
  }
  if (SCHEMA_RESERVED.test(schema)) {
    throw rejection("invalid_argument", `the schema ${schema} is PostgreSQL's own: name another one`, { schema });
  }
  if (!Number.isSafeInteger(leaseTtlMs) || leaseTtlMs < LEASE_TTL_MS_MIN || leaseTtlMs > LEASE_TTL_MS_MAX) {
    throw rejection(
      "invalid_argument",
      `leaseTtlMs must be a whole number of ${LEASE_TTL_MS_MIN} to ${LEASE_TTL_MS_MAX}`,
    );
  }
  const ids = options.ids ?? createIdSource(clock);
  const { index, openSocket } = options;
  return {
    url,
    schema,
    clock,
    ids,
    leaseTtlMs,
    logger: options.logger ?? silentLogger,
    allowUnsafe: options.allowUnsafe ?? false,
    nodeId: node.id === undefined ? createIdSource().next() : nodeText("node.id", node.id),
    nodeUrl: node.url === undefined ? null : nodeText("node.url", node.url),
    timers: systemClock,
    ...(index === undefined ? {} : { index }),
    ...(openSocket === undefined ? {} : { openSocket }),
  };
}

function nodeText(what: string, text: unknown): string {
  if (typeof text === "string" && text !== "" && text.length <= NODE_TEXT_CHARS_MAX && !text.includes("\0"))
    return text;
  throw rejection("invalid_argument", `${what} must be text of 1 to ${NODE_TEXT_CHARS_MAX} characters`);
}
