/**
 * What the parts of one open local store share, made once, and how they open a thread's file. Nothing
 * here outlives the store.
 */
import { createStoreEvents, type StoreEvents } from "../store-events.ts";
import { diskFault } from "./disk-fault.ts";
import { withDescriptorRelief } from "./descriptor-relief.ts";
import { createDirectoryMaker, type DirectoryMaker } from "./directory-maker.ts";
import type { FileSystem } from "./file-system.ts";
import { createKeyedLock, type KeyedLock } from "../keyed-lock.ts";
import { createLineClock, type LineClock } from "../line-clock.ts";
import type { ThreadIndex } from "../thread-index.ts";
import type { ThreadWindow } from "../thread-window.ts";
import type { LocalSettings } from "./local-options.ts";
import { createOpenFileBudget } from "./open-file-budget.ts";
import { createRolloutAccess, type ReadableRollout, type RolloutAccess, threadNotFound } from "./rollout-access.ts";
import { createRolloutFacts, type RolloutFactsReader } from "./rollout-facts.ts";
import type { RolloutFileContext } from "./rollout-file.ts";
import type { RolloutEntry } from "./home-walk.ts";
import { createRolloutLookup, type RolloutLookup } from "./rollout-lookup.ts";
import { type HomePaths, homePaths } from "./rollout-path.ts";
import { createSessionIndex, type SessionIndex } from "./session-index.ts";
import { createThreadPoolHint } from "./thread-pool-hint.ts";
import { createWriterRegistry, type WriterRegistry } from "./writer-registry.ts";

/** The parts of an open store. */
export interface LocalContext {
  readonly settings: LocalSettings;
  readonly files: FileSystem;
  readonly directories: DirectoryMaker;
  readonly paths: HomePaths;
  readonly isSynced: boolean;
  readonly lineClock: LineClock;
  readonly events: StoreEvents;
  readonly writers: WriterRegistry;
  readonly access: RolloutAccess;
  readonly facts: RolloutFactsReader;
  readonly lookup: RolloutLookup;
  readonly index: SessionIndex;
  /** What the state DB's rows say; null where the store has none. */
  readonly rows: ThreadIndex | null;
  /** Windows of forks whose own rows are still being folded; each is asked for once, if at all. */
  readonly forkWindows: Map<string, MadeWindow>;
  readonly fileContext: RolloutFileContext;
  /** Told how many writers are open. */
  hintPool(openWriters: number): void;
  /** Held while a thread is opened, moved, deleted or patched. */
  readonly lock: KeyedLock;
}

/** The window of a fork as it was made. */
export interface MadeWindow {
  readonly window: ThreadWindow;
  /** The fork's file and where it ended: what was written since is not in the window. */
  readonly inode: string;
  readonly end: number;
}

/** Makes the parts; touches no disk. */
export function createLocalContext(settings: LocalSettings): LocalContext {
  const { logger, clock } = settings;
  const budget = createOpenFileBudget(settings.openFilesMax);
  const files = withDescriptorRelief(settings.fileSystem, () => budget.closeIdle());
  const paths = homePaths(settings.home);
  const directories = createDirectoryMaker(files, paths.home);
  const writers = createWriterRegistry();
  const access = createRolloutAccess(files, (inode, fileBytes) => writers.writtenEnd(inode, fileBytes));
  const facts = createRolloutFacts({ files, access, logger });
  const rows = settings.stateDb;
  const lookup = createRolloutLookup({ files, paths, facts, rows });
  return {
    settings,
    files,
    directories,
    paths,
    isSynced: settings.durability === "fsync",
    lineClock: createLineClock(clock),
    events: createStoreEvents(logger),
    writers,
    access,
    facts,
    lookup,
    rows,
    forkWindows: new Map(),
    index: createSessionIndex({ files, paths, clock, logger }),
    fileContext: {
      files,
      directories,
      logger,
      clock,
      budget,
      tornFolder: paths.torn,
      named: async (threadId) => (await lookup.named(threadId)).map((entry) => entry.path),
      find: async (threadId) => {
        lookup.forget(threadId);
        return (await lookup.find(threadId))?.path;
      },
    },
    hintPool: createThreadPoolHint(logger, settings.durability === "fsync"),
    lock: createKeyedLock(),
  };
}

/** Times a thread's file is looked for again when it is gone between finding and opening it. */
const MOVES_MAX = 3;

/** Opens the thread's rollout for reading, wherever it was moved meanwhile. `thread_not_found`. */
export async function withThread<Value>(
  context: LocalContext,
  threadId: string,
  use: (rollout: ReadableRollout, entry: RolloutEntry & { readonly threadId: string }) => Promise<Value>,
): Promise<Value> {
  const { access, lookup, writers } = context;
  if (writers.isUnwritten(threadId)) throw threadNotFound(threadId);
  for (let attempt = 0; attempt < MOVES_MAX; attempt += 1) {
    const entry = await lookup.require(threadId);
    const answer = await access.open(entry.path, async (rollout) => ({
      value: await use(rollout, { ...entry, threadId }),
    }));
    if (answer !== undefined) return answer.value;
    lookup.forget(threadId);
  }
  throw threadNotFound(threadId);
}

/** Runs work of the disk; the system's errors become faults that say what was tried, bugs pass as they are. */
export async function attempt<Value>(what: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw diskFault(error, what);
  }
}
