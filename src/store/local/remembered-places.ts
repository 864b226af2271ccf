/**
 * Where threads were found, at most LIMITS.loadedThreadsMax of them. A place is believed as long as the very file
 * that was seen to hold the thread is there: another one in its place is looked into first.
 */
import { LIMITS } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";
import type { RolloutEntry } from "./home-walk.ts";

/** Places by thread id. */
export interface RememberedPlaces {
  remember(threadId: string, entry: RolloutEntry): void;
  forget(threadId: string): void;
  /** Where the thread was found before, if it is there still. */
  recall(threadId: string): Promise<RolloutEntry | undefined>;
}

interface Place {
  readonly entry: RolloutEntry;
  /** The file that was seen to hold the thread; null before one was. */
  readonly inode: string | null;
}

/** Remembers nothing yet. `holds` looks into a file. */
export function createRememberedPlaces(
  files: FileSystem,
  holds: (threadId: string, entry: RolloutEntry) => Promise<boolean>,
): RememberedPlaces {
  const places = new Map<string, Place>();
  return {
    remember(threadId, entry) {
      const before = places.get(threadId);
      places.delete(threadId);
      places.set(threadId, { entry, inode: before?.entry.path === entry.path ? before.inode : null });
      if (places.size <= LIMITS.loadedThreadsMax) return;
      const oldest = places.keys().next();
      if (oldest.done !== true) places.delete(oldest.value);
    },
    forget: (threadId) => void places.delete(threadId),
    async recall(threadId) {
      const place = places.get(threadId);
      const stat = place === undefined ? undefined : await files.stat(place.entry.path);
      if (place === undefined || stat === undefined) return undefined;
      if (place.inode === stat.inode) return place.entry;
      if (!(await holds(threadId, place.entry))) return undefined;
      if (places.get(threadId) === place) places.set(threadId, { ...place, inode: stat.inode });
      return place.entry;
    },
  };
}
