/**
 * A process as columns of a row, as the system tables keep it, and back. Written once, because leases and
 * process owners name processes in the same way.
 */
import type { OwnerProcess } from "./process-identity.ts";

/** The columns, in the order in which they are listed everywhere. */
export const OWNER_COLUMNS = "owner_id, host, pid, boot_id, pid_namespace, process_start";

/** Parameters for them, named. */
export const OWNER_PARAMETERS = "@owner_id, @host, @pid, @boot_id, @pid_namespace, @process_start";

/** A row that has them. */
export interface OwnerColumns {
  readonly owner_id: string;
  readonly host: string;
  readonly pid: number;
  readonly boot_id: string | null;
  readonly pid_namespace: string | null;
  readonly process_start: string | null;
}

/** The values of the columns. */
export function toOwnerColumns(owner: OwnerProcess): OwnerColumns {
  const { ownerId, host, pid, bootId, pidNamespace, processStart } = owner;
  return { owner_id: ownerId, host, pid, boot_id: bootId, pid_namespace: pidNamespace, process_start: processStart };
}

/** The process that a row names. */
export function fromOwnerColumns(row: OwnerColumns): OwnerProcess {
  return {
    ownerId: row.owner_id,
    host: row.host,
    pid: row.pid,
    bootId: row.boot_id,
    pidNamespace: row.pid_namespace,
    processStart: row.process_start,
  };
}
