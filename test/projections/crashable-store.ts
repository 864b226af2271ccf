/**
 * A store with its state DB as one process has them, in this process: it can be closed in order, or crash, which
 * drops the connection with all that waited for it, as a kill does. What a dead process owned is then free, as
 * its death would be proven. Not a test.
 */
import { join } from "node:path";

import { type Clock, createIdSource, type Logger, silentLogger, systemClock } from "../../src/base/index.ts";
import { createInlinePool, openStateDbWith, type StartHomeWatcher } from "../../src/projections/index.ts";
import { createProcessIdentity } from "../../src/projections/process-identity.ts";
import { MIGRATIONS } from "../../src/projections/schema.ts";
import { openConnection, type SqliteDatabase } from "../../src/projections/sqlite-connection.ts";
import { openStateDbFile, STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import { SqliteStateDb } from "../../src/projections/state-db.ts";
import { createThreadOwners } from "../../src/projections/thread-owners.ts";
import { homePaths, type LocalThreadStore, nodeFileSystem, openLocalThreadStore } from "../../src/store/local/index.ts";

export interface CrashableStore {
  readonly store: LocalThreadStore;
  readonly stateDb: SqliteStateDb;
  /** Its own connection, to be set as a full disk or lost permissions would set it. */
  readonly db: SqliteDatabase;
  close(): Promise<void>;
  /** Nothing more of it reaches the rows, not even what an append of this turn of the event loop told. */
  crash(): void;
}

/** Of the process: the machine's clock and no log by default. */
export interface CrashableOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** Opens one on a home, filling the rows first where that is due. */
export async function openCrashableStore(
  home: string,
  startWatcher: StartHomeWatcher | null = null,
  { clock = systemClock, logger = silentLogger }: CrashableOptions = {},
): Promise<CrashableStore> {
  const common = { clock, logger };
  const filled = await openStateDbWith({ home }, createInlinePool());
  await filled.close();
  const paths = homePaths(home);
  const path = join(home, STATE_DB_FILE_NAME);
  const file = await openStateDbFile({ ...common, path, mode: "read-write", migrations: MIGRATIONS });
  const identity = createProcessIdentity({ ids: createIdSource(), clock });
  const stateDb = new SqliteStateDb({
    ...common,
    file,
    files: nodeFileSystem,
    paths,
    pool: createInlinePool(),
    owners: createThreadOwners({ ...common, db: file.db, identity }),
    opening: filled.opening,
    isReadOnly: false,
    startWatcher,
  });
  const store = await openLocalThreadStore({ home, stateDb, durability: "os", ...common });
  const crash = (): void => {
    file.close();
    const db = openConnection(path, { mode: "read-write", busyTimeoutMs: 1_000 });
    db.prepare("DELETE FROM thread_owners WHERE owner_id = ?").run(identity.ownerId);
    db.prepare("DELETE FROM process_owners WHERE owner_id = ?").run(identity.ownerId);
    db.close();
  };
  const close = async (): Promise<void> => {
    await store.close();
    await stateDb.close();
  };
  return { store, stateDb, db: file.db, close, crash };
}
