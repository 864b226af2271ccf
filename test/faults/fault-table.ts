/**
 * All rows of the fault table, in the order of docs/RELIABILITY.md. A row's id is never given to another one, and the
 * page has exactly these rows (fault-page.ts).
 */
import type { FaultRow } from "./fault-row.ts";
import { CALL_ERROR_ROWS } from "./rows/call-error-rows.ts";
import { FULL_DISK_ROWS } from "./rows/full-disk-rows.ts";
import { KILL_ROWS } from "./rows/kill-rows.ts";

/** The table. */
export const FAULT_ROWS: readonly FaultRow[] = Object.freeze([...KILL_ROWS, ...CALL_ERROR_ROWS, ...FULL_DISK_ROWS]);
