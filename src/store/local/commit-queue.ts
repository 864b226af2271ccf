/**
 * Group commit: what arrives while a commit runs goes into the next one. There is no timer; a commit
 * begins when the one before has ended and everything that its answers set off has had its say.
 *
 * That last part matters: callers that were just answered append again in the same turn of the event
 * loop. A commit that began with the first of them would leave the others for the next sync, and halve
 * the throughput.
 */

/** Commits taken entries, at once where nothing is to be waited for. Settles them itself: never throws or rejects. */
export type Commit<Entry> = (entries: readonly Entry[]) => Promise<void> | undefined;

/** Entries of one thread on their way to the disk. */
export interface CommitQueue<Entry> {
  /** Puts an entry behind the others and sees to it that it is committed. */
  push(entry: Entry): void;
  /** Takes out everything that no commit has taken yet. */
  takeWaiting(): readonly Entry[];
  /** No commit runs and nothing waits. */
  readonly isIdle: boolean;
  /** Resolves when no commit runs and nothing waits. */
  whenIdle(): Promise<void>;
}

/**
 * Commits in a row that need not wait for the disk, before the event loop gets a turn: a caller that appends
 * in a loop would otherwise keep timers and sockets waiting for as long as it likes.
 */
const AT_ONCE_MAX = 8;

/** Makes a queue that hands everything waiting to `commit`, one commit at a time. */
export function createCommitQueue<Entry>(commit: Commit<Entry>): CommitQueue<Entry> {
  let waiting: Entry[] = [];
  let isRunning = false;
  /** Commits in a row that waited for nothing. */
  let doneAtOnce = 0;
  let idleWaiters: (() => void)[] = [];

  const takeWaiting = (): readonly Entry[] => {
    const entries = waiting;
    waiting = [];
    return entries;
  };
  const begin = (): void => {
    const entries = takeWaiting();
    const committing = entries.length > 0 ? commit(entries) : undefined;
    if (committing === undefined) {
      doneAtOnce += 1;
      goOn();
      return;
    }
    doneAtOnce = 0;
    void committing.then(() => goOn());
  };
  const schedule = (): void => {
    if (doneAtOnce < AT_ONCE_MAX) {
      afterThisTurn(begin);
      return;
    }
    doneAtOnce = 0;
    setImmediate(begin);
  };
  const goOn = (): void => {
    if (waiting.length > 0 || idleWaiters.length === 0) {
      isRunning = waiting.length > 0;
      if (isRunning) schedule();
      return;
    }
    isRunning = false;
    const waiters = idleWaiters;
    idleWaiters = [];
    for (const resolve of waiters) resolve();
  };

  return {
    push(entry) {
      waiting.push(entry);
      if (isRunning) return;
      isRunning = true;
      schedule();
    },
    takeWaiting,
    get isIdle() {
      return !isRunning;
    },
    async whenIdle() {
      while (isRunning) await new Promise<void>((resolve) => idleWaiters.push(resolve));
    },
  };
}

/** Runs when the microtasks of this turn have run: what nextTick is given comes after all of them. */
function afterThisTurn(run: () => void): void {
  queueMicrotask(() => process.nextTick(run));
}
