/**
 * How many rollouts are held open at once. Tens of thousands of threads may be loaded, and a process
 * has few file descriptors: past the budget, the file that was used longest ago is closed, and opened
 * again when its thread is next written to.
 */

/** Something that holds a file open and can let it go while nothing is under way. */
export interface OpenFileHolder {
  /** Closes the file unless it is in use. */
  closeIfIdle(): boolean;
}

/** Counts open files and closes the oldest idle one past the most allowed. */
export interface OpenFileBudget {
  /** Says that a holder's file is open and was just used. */
  touch(holder: OpenFileHolder): void;
  /** Says that a holder's file is closed. */
  forget(holder: OpenFileHolder): void;
}

/** Makes a budget of `openFilesMax` files. Holders in use may exceed it for as long as they are. */
export function createOpenFileBudget(openFilesMax: number): OpenFileBudget {
  // A Set keeps the order of insertion: the first is the one used longest ago.
  const holders = new Set<OpenFileHolder>();
  let newest: OpenFileHolder | null = null;
  return {
    touch(holder) {
      if (holder === newest) return;
      newest = holder;
      holders.delete(holder);
      holders.add(holder);
      if (holders.size <= openFilesMax) return;
      for (const oldest of holders) {
        if (oldest === holder || !oldest.closeIfIdle()) continue;
        holders.delete(oldest);
        return;
      }
    },
    forget(holder) {
      if (holder === newest) newest = null;
      holders.delete(holder);
    },
  };
}
