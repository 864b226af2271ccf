/**
 * All rows of the fault table, in the order of docs/RELIABILITY.md. A row's id is never given to another one, and the
 * page has exactly these rows (fault-page.ts).
 */
import type { FaultRow } from "./fault-row.ts";
import { CALL_ERROR_ROWS } from "./rows/call-error-rows.ts";
import { BAD_PLACE_ROWS } from "./rows/bad-place-rows.ts";
import { DAMAGED_LOG_ROWS } from "./rows/damaged-log-rows.ts";
import { DAMAGED_ROWS_ROWS } from "./rows/damaged-rows-rows.ts";
import { FOREIGN_FILE_ROWS } from "./rows/foreign-file-rows.ts";
import { FULL_DISK_ROWS } from "./rows/full-disk-rows.ts";
import { KILL_ROWS } from "./rows/kill-rows.ts";
import { POWER_ROWS } from "./rows/power-rows.ts";
import { TIME_ROWS } from "./rows/time-rows.ts";

/** The table. */
export const FAULT_ROWS: readonly FaultRow[] = Object.freeze([
  ...KILL_ROWS,
  ...CALL_ERROR_ROWS,
  ...FULL_DISK_ROWS,
  ...DAMAGED_LOG_ROWS,
  ...DAMAGED_ROWS_ROWS,
  ...FOREIGN_FILE_ROWS,
  ...BAD_PLACE_ROWS,
  ...TIME_ROWS,
  ...POWER_ROWS,
]);
