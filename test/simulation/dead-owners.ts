/**
 * A killed process as the kernel lets others see it: gone, by its entry among the processes. All processes of a
 * simulation are one real one, which lives; so what the rows say of the dead one is changed instead.
 */
import { existsSync } from "node:fs";

import { openConnection } from "../../src/projections/sqlite-connection.ts";

/** Makes owners provably dead; false where the database is locked or has no tables, and the heartbeat has to do. */
export function proveDead(dbPath: string, ownerIds: readonly string[]): boolean {
  if (!existsSync(dbPath)) return false;
  const db = openConnection(dbPath, { mode: "read-write", busyTimeoutMs: 0 });
  try {
    for (const table of ["leases", "process_owners"]) {
      const gone = db.prepare(`UPDATE ${table} SET process_start = 'gone' WHERE owner_id = ?`);
      for (const id of ownerIds) gone.run(id);
    }
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "SqliteError") return false;
    throw error;
  } finally {
    db.close();
  }
}
