/**
 * A look at the server before anything is stored there: whether it keeps what it acknowledges, and whether it can
 * carry the schema at all. PostgreSQL's own defaults are durable on one machine; what an operator has switched off
 * is said here, and not after the power went.
 */
import { fault, type Logger } from "../../base/index.ts";
import type { Durability } from "../thread-store.ts";
import type { Queryable, ServerState } from "./postgres-database.ts";

/** What the server promises for what it acknowledges. */
export interface DurabilityReport {
  /** `quorum`: standbys have it too. `local`: the one server has. */
  readonly level: "local" | "quorum";
  readonly fsync: boolean;
  readonly synchronousCommit: string;
  readonly fullPageWrites: boolean;
  readonly synchronousStandbyNames: string;
  /** Such as "15.18". */
  readonly serverVersion: string;
  /** Null where the server doesn't tell. */
  readonly timeline: number | null;
  /** A pooler stands between: it has to keep a session's settings and prepared statements, and wake-ups come by polls. */
  readonly isPooled: boolean;
  /** What is worth a word. */
  readonly warnings: readonly string[];
}

/** xid8 came with it. */
const VERSION_MIN = 130_000;

const SETTINGS = `SELECT current_setting('server_version_num')::int AS num, current_setting('server_version') AS version,
  current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
  current_setting('full_page_writes') AS pages, current_setting('synchronous_standby_names') AS standbys`;

interface SettingsRow extends Record<string, unknown> {
  readonly num: number;
  readonly version: string;
  readonly fsync: string;
  readonly commit: string;
  readonly pages: string;
  readonly standbys: string;
}

/** Looks at the server. `store_not_durable` unless `allowUnsafe`, `store_unusable`. */
export async function probeDurability(
  database: Queryable,
  {
    allowUnsafe,
    server,
    logger,
  }: { readonly allowUnsafe: boolean; readonly server: ServerState; readonly logger: Logger },
): Promise<DurabilityReport> {
  const [row] = await database.query<SettingsRow>({ text: SETTINGS });
  if (row === undefined || row.num < VERSION_MIN) {
    throw fault("store_unusable", `PostgreSQL 13 or later is needed, and this server is ${row?.version ?? "unknown"}`, {
      data: { serverVersion: row?.version ?? "" },
    });
  }
  if (server.isStandby) {
    throw fault("store_unusable", "this server is a standby and takes no writes: name the primary, or promote it", {
      retryable: true,
      data: { serverVersion: row.version },
    });
  }
  const warnings = warningsOf(row, server);
  const report: DurabilityReport = {
    level: row.standbys.trim() !== "" && row.commit !== "local" ? "quorum" : "local",
    fsync: row.fsync === "on",
    synchronousCommit: row.commit,
    fullPageWrites: row.pages === "on",
    synchronousStandbyNames: row.standbys,
    serverVersion: row.version,
    timeline: server.timeline,
    isPooled: server.isPooled,
    warnings,
  };
  if (!allowUnsafe) refuseUnsafe(report);
  for (const warning of warnings) logger.warn({ serverVersion: row.version }, warning);
  return report;
}

/** What an append is acknowledged with. Without fsync the machine keeps it; a commit that isn't waited for may be gone with the server. */
export function durabilityOf({ fsync, synchronousCommit }: DurabilityReport): Durability {
  if (synchronousCommit === "off") return "memory";
  return fsync ? "fsync" : "os";
}

function refuseUnsafe({ fsync, synchronousCommit }: DurabilityReport): void {
  const off = [...(fsync ? [] : ["fsync"]), ...(synchronousCommit === "off" ? ["synchronous_commit"] : [])];
  if (off.length === 0) return;
  const names = off.join(" and ");
  throw fault(
    "store_not_durable",
    `this server has ${names} off and may lose what it acknowledged: turn ${off.length > 1 ? "them" : "it"} on, or open the store with allowUnsafe if that doesn't matter`,
    { data: { fsync, synchronousCommit } },
  );
}

function warningsOf(row: SettingsRow, { isPooled }: ServerState): readonly string[] {
  return [
    ...(row.fsync === "on" ? [] : ["fsync is off: a power cut may lose what was acknowledged, or the whole database"]),
    ...(row.commit === "off"
      ? ["synchronous_commit is off: a crash of the server loses what was acknowledged last"]
      : []),
    ...(row.pages === "on"
      ? []
      : ["full_page_writes is off: pages may be torn by a power cut, unless the disk writes them whole"]),
    ...(isPooled ? ["a pooler stands before the server: it must keep sessions whole, and wake-ups come by polls"] : []),
  ];
}
