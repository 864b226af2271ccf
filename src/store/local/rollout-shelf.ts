/**
 * The threads of a home in the order of their ids, as one look at it found them. Who moves thousands of threads asks
 * for each of them; to look through the home each time would cost the square of that. What comes in is put here too.
 */
import { mapBounded } from "../bounded-map.ts";
import { type RolloutEntry, walkHome } from "./home-walk.ts";
import type { LocalContext } from "./local-context.ts";
import { comparePlaces } from "./rollout-lookup.ts";
import { parseRolloutName } from "./rollout-path.ts";

/** A thread's file. */
export interface ShelvedRollout {
  readonly threadId: string;
  readonly entry: RolloutEntry;
  /** Null for one that can't be read. */
  readonly size: number | null;
}

/** What a home holds. */
export interface RolloutShelf {
  /** Looks through the home again. */
  look(): Promise<void>;
  /** Each thread's file that readers take, sorted by id. */
  all(): Promise<readonly ShelvedRollout[]>;
  /** The files that hold the thread, the one to take first. */
  find(threadId: string): Promise<readonly ShelvedRollout[]>;
  /** A thread has come in; other files of it are gone. */
  put(rollout: ShelvedRollout): Promise<void>;
}

const CONCURRENCY_MAX = 16;

/** Makes the shelf of a home; nothing is read before it is asked. */
export function createRolloutShelf(context: Pick<LocalContext, "files" | "facts" | "paths">): RolloutShelf {
  let shelved: Promise<Map<string, readonly ShelvedRollout[]>> | undefined;
  let sorted: readonly ShelvedRollout[] | undefined;
  const known = (): Promise<Map<string, readonly ShelvedRollout[]>> => (shelved ??= readShelf(context));
  return {
    async look() {
      const reading = readShelf(context);
      sorted = undefined;
      shelved = reading;
      await reading;
    },
    async all() {
      const byId = await known();
      sorted ??= [...byId.values()]
        .flatMap(([first]) => first ?? [])
        .toSorted((a, b) => (a.threadId < b.threadId ? -1 : 1));
      return sorted;
    },
    find: async (threadId) => (await known()).get(threadId) ?? [],
    async put(rollout) {
      (await known()).set(rollout.threadId, [rollout]);
      sorted = undefined;
    },
  };
}

async function readShelf({
  files,
  facts,
  paths,
}: Pick<LocalContext, "files" | "facts" | "paths">): Promise<Map<string, readonly ShelvedRollout[]>> {
  const unread = new Set<string>();
  const entries = await walkHome(files, paths);
  const read = await mapBounded(entries, CONCURRENCY_MAX, (entry) => facts.read(entry, unread));
  const placed = read.filter((found) => found !== undefined).toSorted((a, b) => comparePlaces(a, b, paths));
  const byId = new Map<string, ShelvedRollout[]>();
  const put = (rollout: ShelvedRollout): void => {
    const others = byId.get(rollout.threadId);
    if (others === undefined) byId.set(rollout.threadId, [rollout]);
    else others.push(rollout);
  };
  for (const { entry, size, metadata } of placed) put({ threadId: metadata.id, entry, size });
  // What can't be read is there all the same: who moves it hears why not.
  for (const entry of entries.filter(({ path }) => unread.has(path))) {
    const threadId = parseRolloutName(entry.name)?.threadId;
    if (threadId !== undefined && !byId.has(threadId)) put({ threadId, entry, size: null });
  }
  return byId;
}
