/**
 * One thing at a time for each thread: opening, moving, deleting and patching must not cross each
 * other. Appends don't take this lock; they have their writer's queue.
 */

/** Runs work one after another for each key; different keys don't wait for each other. */
export interface KeyedLock {
  run<Value>(key: string, work: () => Promise<Value>): Promise<Value>;
}

/** Makes a lock that remembers only keys in use. */
export function createKeyedLock(): KeyedLock {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(key, work) {
      const before = tails.get(key) ?? Promise.resolve();
      const mine = before.then(work, work);
      tails.set(key, mine);
      try {
        return await mine;
      } finally {
        if (tails.get(key) === mine) tails.delete(key);
      }
    },
  };
}
