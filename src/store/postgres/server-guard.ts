/**
 * Holds whatever keeps something in the database to the server that it met first: one that loses what it acknowledges
 * is refused, at the opening and with each connection later; so are another cluster behind the same url, and a standby.
 */
import { fault, type Logger } from "../../base/index.ts";
import { DurabilityWatch } from "./durability-probe.ts";
import { meetServer, type PostgresDatabase, type ServerState } from "./postgres-database.ts";
import { connectionLost, isConnectionLoss } from "./postgres-fault.ts";

/** A server that isn't there when something is opened on it is waited for so long, milliseconds. */
export const OPEN_RETRY_MS = 2_000;

/** How a server is met. */
export interface MeetOptions {
  /** Names the place to a person. */
  readonly place: string;
  /** One that isn't there is waited for so long, milliseconds. */
  readonly retryMs: number;
  /** Takes one that may lose what it acknowledged. */
  readonly allowUnsafe: boolean;
  readonly logger: Logger;
}

/** A server that was met. */
export interface MetServer {
  /** As the first connection found it. */
  readonly server: ServerState;
  /** What it promises by now. */
  readonly watch: DurabilityWatch;
}

/**
 * Meets the server, and holds the connections that follow to it. `connection_failed`, `store_not_durable`,
 * `store_unusable`.
 */
export async function meetGuarded(database: PostgresDatabase, options: MeetOptions): Promise<MetServer> {
  const server = await reached(database, options);
  const watch = new DurabilityWatch(server, options);
  database.commitLeast = watch.report.synchronousCommit;
  const met = { server, watch };
  database.onServer = async (state) => requireSame(met, state);
  return met;
}

/** What each new connection is held to. `store_unusable`, `store_not_durable`; a standby is a lost connection. */
export function requireSame({ server, watch }: MetServer, state: ServerState): void {
  // A connection to a standby outlives its promotion, and would never say that the timeline is another one.
  if (state.isStandby) throw connectionLost("reach the primary", new Error("the server is a standby"));
  refuseOtherCluster(state, server);
  watch.noteServer(state);
}

/** Transactions have other numbers there: what is followed would pass over everything new. */
function refuseOtherCluster({ clusterId }: ServerState, { clusterId: known }: ServerState): void {
  if (clusterId === null || known === null || clusterId === known) return;
  throw fault(
    "store_unusable",
    "the store's url leads to another PostgreSQL cluster by now, a restored or replicated one: open the store anew, which takes its threads as they are there",
    { data: { clusterId, clusterIdBefore: known } },
  );
}

async function reached(database: PostgresDatabase, { retryMs, place }: MeetOptions): Promise<ServerState> {
  try {
    return await meetServer(database, retryMs);
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw fault("connection_failed", `no PostgreSQL answers at ${place} (${reason}): start it, or name another one`, {
      retryable: true,
      data: { place },
      cause: error,
    });
  }
}
