/**
 * How many rollouts are held open at once. Tens of thousands of threads may be loaded, and a process
 * has few file descriptors: past the budget, the file that was used longest ago is closed, and opened
 * again when its thread is next written to.
 */

/** Something that holds a file open and can let it go while nothing is under way. */
export interface OpenFileHolder {
  /** Closes the file unless it is in use; null when it is. */
  closeIfIdle(): Promise<void> | null;
}

/** Counts open files and closes the oldest idle one past the most allowed. */
export interface OpenFileBudget {
  /** Says that a holder's file is open and was just used. */
  touch(holder: OpenFileHolder): void;
  /** Says that a holder's file is closed. */
  forget(holder: OpenFileHolder): void;
  /** Closes every idle file, and holds no more from now on than are in use. Answers how many were closed. */
  closeIdle(): Promise<number>;
}

/** Makes a budget of `openFilesMax` files. Holders in use may exceed it for as long as they are. */
export function createOpenFileBudget(openFilesMax: number): OpenFileBudget {
  // A Set keeps the order of insertion: the first is the one used longest ago.
  const holders = new Set<OpenFileHolder>();
  let newest: OpenFileHolder | null = null;
  let holdersMax = openFilesMax;
  return {
    touch(holder) {
      if (holder === newest) return;
      newest = holder;
      holders.delete(holder);
      holders.add(holder);
      if (holders.size <= holdersMax) return;
      for (const oldest of holders) {
        if (oldest === holder || oldest.closeIfIdle() === null) continue;
        holders.delete(oldest);
        return;
      }
    },
    forget(holder) {
      if (holder === newest) newest = null;
      holders.delete(holder);
    },
    async closeIdle() {
      const closings: Promise<void>[] = [];
      for (const holder of holders) {
        const closing = holder.closeIfIdle();
        if (closing === null) continue;
        closings.push(closing);
        holders.delete(holder);
      }
      holdersMax = Math.max(1, Math.min(holdersMax, holders.size));
      await Promise.all(closings);
      return closings.length;
    },
  };
}
