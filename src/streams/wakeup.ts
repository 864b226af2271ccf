/**
 * One waiter and whoever wakes it. A wake before the wait is remembered, so nothing is slept through;
 * any number of wakes before it are one. Waking never runs the waiter's code on the caller's stack.
 */

/** Sleep and be woken. */
export interface Wakeup {
  /** Resolves at the next wake, or at once after one that nobody waited for. */
  wait(): Promise<void>;
  wake(): void;
}

/** Makes a wakeup that nobody has woken yet. */
export function createWakeup(): Wakeup {
  let isAwake = false;
  let waiting: PromiseWithResolvers<void> | undefined;
  return {
    wait() {
      if (isAwake) {
        isAwake = false;
        return Promise.resolve();
      }
      waiting ??= Promise.withResolvers<void>();
      return waiting.promise;
    },
    wake() {
      if (waiting === undefined) {
        isAwake = true;
        return;
      }
      waiting.resolve();
      waiting = undefined;
    },
  };
}
