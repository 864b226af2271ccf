/**
 * The schema of the state DB's file: what is not folded (leases, owners, table sets). The folded tables come
 * and go with their sets (table-set.ts), so a new projection needs no migration.
 */
import type { Migration } from "./migrations.ts";
import { SYSTEM_TABLES_SQL } from "./system-tables.ts";
import { TABLE_SETS_DDL } from "./table-set.ts";

/** All steps, oldest first. A step that was released is never changed. */
export const MIGRATIONS: readonly Migration[] = Object.freeze([
  { version: 1, up: `${SYSTEM_TABLES_SQL}\n${TABLE_SETS_DDL}` },
]);
