/**
 * skein/postgres: threads on a PostgreSQL that several nodes share, with each node's own rows for lists and search. The
 * place of a bigger home: what the port promises holds here as it does on files.
 */
export {
  openPostgresThreadStore,
  type PostgresThreadStore,
  type PostgresThreadStoreOptions,
} from "./postgres-thread-store.ts";
export type { PostgresDurability, LogCheckpoint, NodeOptions } from "../store/postgres/index.ts";
export {
  type FeedCheckpointKey,
  openPostgresCheckpoints,
  openPostgresLogTransfer,
  type PostgresCheckpoints,
  type PostgresCheckpointsOptions,
  type PostgresLogTransfer,
  type PostgresLogTransferOptions,
  type ToldRecord,
} from "../store/postgres/index.ts";
