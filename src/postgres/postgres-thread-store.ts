/**
 * Opens a store on PostgreSQL with this node's rows beside it: the tables, folds and queries of a home's state DB, in
 * a SQLite file of this node's own or in memory. They are fed by the logs and may be thrown away.
 */
import { checkOptions, rejection, requireNode } from "../base/index.ts";
import { openLogRows } from "../projections/index.ts";
import type { LogIndex } from "../store/index.ts";
import {
  openPostgresThreadStore as openStore,
  type PostgresStore,
  type PostgresStoreOptions,
} from "../store/postgres/index.ts";

/** How a store on PostgreSQL is opened. */
export interface PostgresThreadStoreOptions extends Omit<PostgresStoreOptions, "index"> {
  /** The SQLite file of this node's rows; its folder must be there. Default null: rows in memory, made anew at each start. */
  readonly stateDb?: string | null;
  /** Longest wait for another process to let go of that file, milliseconds. Default 5,000. */
  readonly stateDbWaitMs?: number;
}

/** The store on PostgreSQL, with lists and search. */
export interface PostgresThreadStore extends PostgresStore {
  /** This node's rows: how far they are behind the logs, and waiting for a record to be in them. */
  readonly rows: LogIndex;
}

const OPTIONS: Readonly<Record<keyof PostgresThreadStoreOptions, true>> = {
  url: true,
  schema: true,
  node: true,
  leaseTtlMs: true,
  allowUnsafe: true,
  stateDb: true,
  stateDbWaitMs: true,
  clock: true,
  ids: true,
  logger: true,
  openSocket: true,
};

/**
 * Opens the store of a schema, which is made where there is none, and registers this process as a node. It is usable at
 * once; lists wait for the rows to catch up. `invalid_argument`, `connection_failed`, `store_not_durable`,
 * `store_newer`, `store_unusable`, `permission_denied`, `state_db_busy`, `state_db_unusable`.
 */
export async function openPostgresThreadStore(options: PostgresThreadStoreOptions): Promise<PostgresThreadStore> {
  requireNode();
  checkOptions("openPostgresThreadStore", options, OPTIONS);
  const { stateDb, stateDbWaitMs: waitMaxMs, ...rest } = options;
  const { logger } = rest;
  const path = stateDb ?? ":memory:";
  const store = await openStore({
    ...rest,
    index: (source) =>
      openLogRows({
        source,
        path,
        ...(logger === undefined ? {} : { logger }),
        ...(waitMaxMs === undefined ? {} : { waitMaxMs }),
      }),
  });
  if (hasRows(store)) return store;
  throw rejection("unsupported", "the store was opened without its rows");
}

function hasRows(store: PostgresStore): store is PostgresThreadStore {
  return store.rows !== null;
}
