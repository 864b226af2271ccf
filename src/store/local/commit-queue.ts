/**
 * Group commit: what arrives while a commit runs goes into the next one. There is no timer; a commit
 * begins when the one before has ended and everything that its answers set off has had its say.
 *
 * That last part matters: callers that were just answered append again in the same turn of the event
 * loop. A commit that began with the first of them would leave the others for the next sync, and halve
 * the throughput.
 */

/** Commits taken entries; must not reject (it settles its entries itself). */
export type Commit<Entry> = (entries: readonly Entry[]) => Promise<void> | void;

/** Entries of one thread on their way to the disk. */
export interface CommitQueue<Entry> {
  /** Puts an entry behind the others and sees to it that it is committed. */
  push(entry: Entry): void;
  /** Takes out everything that no commit has taken yet. */
  takeWaiting(): readonly Entry[];
  readonly isIdle: boolean;
  /** Resolves when no commit runs and nothing waits. */
  whenIdle(): Promise<void>;
}

/** Makes a queue that hands everything waiting to `commit`, one commit at a time. */
export function createCommitQueue<Entry>(commit: Commit<Entry>): CommitQueue<Entry> {
  let waiting: Entry[] = [];
  let running: Promise<void> | null = null;

  const run = async (): Promise<void> => {
    do {
      await untilCallersHaveSpoken();
      const entries = waiting;
      waiting = [];
      if (entries.length > 0) await commit(entries);
    } while (waiting.length > 0);
    running = null;
  };

  return {
    push(entry) {
      waiting.push(entry);
      running ??= run();
    },
    takeWaiting() {
      const entries = waiting;
      waiting = [];
      return entries;
    },
    get isIdle() {
      return running === null;
    },
    async whenIdle() {
      while (running !== null) await running;
    },
  };
}

/** Resolves when the microtasks of this turn have run: nextTick comes after all of them. */
function untilCallersHaveSpoken(): Promise<void> {
  return new Promise((resolve) => {
    queueMicrotask(() => process.nextTick(resolve));
  });
}
