/**
 * Which file holds a thread. A thread's id is what its session_meta says; the file's name only helps to
 * find it. Where a thread was found is remembered, and found again when it is no longer there.
 *
 * Should several files hold one id, the same one is always taken: a live one before an archived one,
 * one in the folder of the id's own day before others, then the greatest, then the first by path.
 * `skein verify` reports the others.
 */
import { mapBounded } from "../bounded-map.ts";
import type { FileSystem } from "./file-system.ts";
import type { ThreadIndex } from "../thread-index.ts";
import { listFolder, type RolloutEntry, walkHome } from "./home-walk.ts";
import { createRememberedPlaces } from "./remembered-places.ts";
import { threadNotFound } from "./rollout-access.ts";
import type { RolloutFacts, RolloutFactsReader } from "./rollout-facts.ts";
import { datedFolder, formatLocalTime, type HomePaths } from "./rollout-path.ts";

/** Finds rollouts by thread id. */
export interface RolloutLookup {
  /** The thread's file; `thread_not_found`, `rollout_unreadable` (a file of that name that is no rollout). */
  require(threadId: string): Promise<RolloutEntry>;
  /** The same, undefined when there is none. */
  find(threadId: string): Promise<RolloutEntry | undefined>;
  /** All files that hold the thread, the one to take first. */
  findAll(threadId: string): Promise<readonly RolloutEntry[]>;
  /** All files whose names say the thread, whatever they hold: also one that is just being made. */
  named(threadId: string): Promise<readonly RolloutEntry[]>;
  /** Says where a thread's file is now. */
  remember(threadId: string, entry: RolloutEntry): void;
  forget(threadId: string): void;
}

/** What the lookup needs. */
export interface RolloutLookupContext {
  readonly files: FileSystem;
  readonly paths: HomePaths;
  readonly facts: RolloutFactsReader;
  /** Asked first, where there is one; told what turned out otherwise. */
  readonly rows: Pick<ThreadIndex, "placeOf" | "moved" | "removed"> | null;
}

const CONCURRENCY_MAX = 16;
const DAY_MS = 86_400_000;

/** Makes a lookup that remembers LIMITS.loadedThreadsMax places. */
export function createRolloutLookup({ files, paths, facts, rows }: RolloutLookupContext): RolloutLookup {
  const holders = async (threadId: string, entries: readonly RolloutEntry[]): Promise<readonly RolloutFacts[]> => {
    const read = await mapBounded(entries, CONCURRENCY_MAX, (entry) => facts.read(entry));
    return read.filter((found) => found?.metadata.id.toLowerCase() === threadId).filter((found) => found !== undefined);
  };

  const places = createRememberedPlaces(
    files,
    async (threadId, entry) => (await holders(threadId, [entry])).length > 0,
  );

  const search = async (threadId: string): Promise<readonly RolloutEntry[]> => {
    const near = (await Promise.all(daysOf(threadId, paths).map((path) => listFolder(files, path, false)))).flat();
    const inFolder = await holders(
      threadId,
      near.filter((entry) => isNamed(entry, threadId)),
    );
    if (inFolder.length > 0) return preferred(inFolder, paths);
    const all = await walkHome(files, paths);
    const named = await holders(
      threadId,
      all.filter((entry) => isNamed(entry, threadId)),
    );
    if (named.length > 0) return preferred(named, paths);
    return preferred(await holders(threadId, all), paths);
  };

  const find = async (threadId: string): Promise<RolloutEntry | undefined> => {
    const known = await places.recall(threadId);
    if (known !== undefined) return known;
    places.forget(threadId);
    const place = rows?.placeOf(threadId);
    const indexed = place === undefined ? undefined : await holderAt(threadId, place);
    const found = indexed ?? (await search(threadId))[0];
    if (found !== undefined) places.remember(threadId, found);
    // The row was stale: it names a file that isn't there, or another thread's.
    if (place !== undefined && indexed === undefined) {
      if (found === undefined) rows?.removed(threadId);
      else rows?.moved(threadId, found);
    }
    return found;
  };

  /** The file that a row names, if it is the thread's. */
  const holderAt = async (
    threadId: string,
    place: Pick<RolloutEntry, "path" | "archived">,
  ): Promise<RolloutEntry | undefined> => {
    const name = place.path.slice(place.path.lastIndexOf("/") + 1);
    const [facts] = await holders(threadId, [{ path: place.path, archived: place.archived, name }]);
    return facts?.entry;
  };

  return {
    find,
    async require(threadId) {
      const found = await find(threadId);
      if (found !== undefined) return found;
      const namesake = (await walkHome(files, paths)).find((entry) => isNamed(entry, threadId));
      if (namesake === undefined) throw threadNotFound(threadId);
      if ((await facts.read(namesake)) !== undefined) throw threadNotFound(threadId);
      throw await facts.whyUnread(namesake);
    },
    async findAll(threadId) {
      const all = await walkHome(files, paths);
      return preferred(await holders(threadId, all), paths);
    },
    named: async (threadId) => (await walkHome(files, paths)).filter((entry) => isNamed(entry, threadId)),
    remember: (threadId, entry) => places.remember(threadId, entry),
    forget: (threadId) => places.forget(threadId),
  };
}

/** One rollout a thread: of several that hold one id, the one the lookup takes. */
export function oneOfEach(all: readonly RolloutFacts[], paths: HomePaths): readonly RolloutFacts[] {
  const byId = new Map<string, RolloutFacts>();
  for (const facts of all) {
    const { id } = facts.metadata;
    const rival = byId.get(id);
    if (rival === undefined || comparePlaces(facts, rival, paths) < 0) byId.set(id, facts);
  }
  return [...byId.values()];
}

function preferred(found: readonly RolloutFacts[], paths: HomePaths): readonly RolloutEntry[] {
  return found.toSorted((a, b) => comparePlaces(a, b, paths)).map((facts) => facts.entry);
}

/** What decides which of several rollouts of one thread is taken. */
export interface PlacedRollout {
  readonly entry: RolloutEntry;
  readonly size: number;
  readonly metadata: { readonly id: string };
}

/** Orders rollouts that hold one thread, the one to take first. */
export function comparePlaces(a: PlacedRollout, b: PlacedRollout, paths: HomePaths): number {
  if (a.entry.archived !== b.entry.archived) return a.entry.archived ? 1 : -1;
  const isAtHome = (facts: PlacedRollout): boolean => {
    const folders = daysOf(facts.metadata.id, paths);
    const { path, name } = facts.entry;
    return isNamed(facts.entry, facts.metadata.id) && folders.some((folder) => path === `${folder}/${name}`);
  };
  const [aAtHome, bAtHome] = [isAtHome(a), isAtHome(b)];
  if (aAtHome !== bAtHome) return aAtHome ? -1 : 1;
  if (a.size !== b.size) return b.size - a.size;
  return a.entry.path < b.entry.path ? -1 : 1;
}

function isNamed(entry: RolloutEntry, threadId: string): boolean {
  return entry.name.toLowerCase().includes(threadId);
}

/** The dated folders a UUIDv7's moment may have been in, whatever the time zone; none for other ids. */
function daysOf(threadId: string, paths: HomePaths): readonly string[] {
  if (threadId[14] !== "7") return [];
  const madeAtMs = Number.parseInt(threadId.slice(0, 8) + threadId.slice(9, 13), 16);
  return [-DAY_MS, 0, DAY_MS].map((shift) => datedFolder(paths, formatLocalTime(new Date(madeAtMs + shift))));
}
