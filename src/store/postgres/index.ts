/**
 * store/postgres: threads on a PostgreSQL that several nodes share. Rows for lists and search are handed in; the door
 * `skein/postgres` (src/postgres) joins them.
 */
export type { PostgresDurability } from "./durability-probe.ts";
export {
  type FeedCheckpointKey,
  openPostgresCheckpoints,
  type PostgresCheckpoints,
  type PostgresCheckpointsOptions,
  type ToldRecord,
} from "./feed-checkpoints.ts";
export type { LogCheckpoint } from "./log-checkpoint.ts";
export { openPostgresThreadStore } from "./open-database.ts";
export {
  openPostgresLogTransfer,
  type PostgresLogTransfer,
  type PostgresLogTransferOptions,
} from "./postgres-log-transfer.ts";
export type { NodeOptions, PostgresStoreOptions } from "./postgres-options.ts";
export type { PostgresStore } from "./postgres-thread-store.ts";
