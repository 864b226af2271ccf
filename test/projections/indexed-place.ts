/**
 * Places for the laws of the local store with a state DB: two handles are as two processes, each with a connection, an
 * owner's name and a disk of its own. A handle can be killed: its connection drops with all that waited for it, its
 * disk answers no more, and as its process would be proven dead, what it owned is free.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createIdSource, silentLogger, systemClock } from "../../src/base/index.ts";
import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import { createProcessIdentity } from "../../src/projections/process-identity.ts";
import { MIGRATIONS } from "../../src/projections/schema.ts";
import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { openStateDbFile, STATE_DB_FILE_NAME, type StateDbFile } from "../../src/projections/state-db-file.ts";
import { SqliteStateDb } from "../../src/projections/state-db.ts";
import { createThreadOwners } from "../../src/projections/thread-owners.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { type FileSystem, homePaths, nodeFileSystem, openLocalThreadStore } from "../../src/store/local/index.ts";
import type { StoreFixture, StoreOpenOptions } from "../../src/testing/index.ts";
import { createKillableFiles, type KillableFiles } from "../store/local/killable-files.ts";
import { killHandle, type Kills } from "../store/local/local-place.ts";
import { damageRollout } from "../store/local/log-damage.ts";

interface IndexedHandle {
  readonly store: ThreadStore;
  readonly kill: () => Promise<void>;
}

/** Closes the state DB behind the store, as one. */
function closedAsOne(store: ThreadStore, stateDb: SqliteStateDb): ThreadStore {
  let closing: Promise<void> | null = null;
  const close = async (): Promise<void> => {
    await store.close();
    await stateDb.close();
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "close") return () => (closing ??= close());
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** What the kernel closes, and what others find out of the process: that it is dead. */
async function kill(
  home: string,
  parts: { readonly file: StateDbFile; readonly ownerId: string } & KillableFiles,
): Promise<void> {
  parts.file.close();
  await parts.kill();
  const db = openConnection(join(home, STATE_DB_FILE_NAME), { mode: "read-write", busyTimeoutMs: 1_000 });
  try {
    db.prepare("DELETE FROM thread_owners WHERE owner_id = ?").run(parts.ownerId);
    db.prepare("DELETE FROM process_owners WHERE owner_id = ?").run(parts.ownerId);
  } finally {
    db.close();
  }
}

async function openHandle(home: string, disk: FileSystem, options: StoreOpenOptions): Promise<IndexedHandle> {
  const { clock = systemClock } = options;
  const common = { clock, logger: silentLogger };
  const killable = createKillableFiles(disk);
  const path = join(home, STATE_DB_FILE_NAME);
  const file = await openStateDbFile({ ...common, path, mode: "read-write", migrations: MIGRATIONS });
  const identity = createProcessIdentity({ ids: createIdSource(), clock });
  const stateDb = new SqliteStateDb({
    ...common,
    file,
    files: killable.files,
    paths: homePaths(home),
    pool: createInlinePool({ files: killable.files }),
    owners: createThreadOwners({ ...common, db: file.db, identity }),
    opening: { setAside: null, filled: null },
    isReadOnly: false,
    startWatcher: null,
  });
  const store = await openLocalThreadStore({ home, stateDb, fileSystem: killable.files, ...common });
  return {
    store: closedAsOne(store, stateDb),
    kill: () => kill(home, { file, ownerId: identity.ownerId, ...killable }),
  };
}

/** A folder on the real disk. `changed` may break the disk. */
export function indexedFixture(changed: (disk: FileSystem) => FileSystem = (disk) => disk): StoreFixture {
  return async () => {
    const home = await mkdtemp(join(tmpdir(), "skein-indexed-suite-"));
    // The rows of an empty home are filled once, as the first process on it does.
    await (await openStateDbWith({ home }, createInlinePool())).close();
    const kills: Kills = new Map();
    return {
      place: home,
      open: async (options = {}) => {
        const handle = await openHandle(home, changed(nodeFileSystem), options);
        kills.set(handle.store, handle.kill);
        return handle.store;
      },
      kill: (handle) => killHandle(kills, handle),
      corrupt: (threadId, damage) => damageRollout(nodeFileSystem, { home, threadId, damage }),
      dispose: () => rm(home, { recursive: true, force: true }),
    };
  };
}
