/**
 * Memories are made outside the core: the server only says when the peer would begin to make them, with the first
 * turn of a root thread that is kept. Whoever makes them hangs a function in here; by default nothing happens.
 */

/** Told once a thread, when its first turn since it was loaded begins. Must neither throw nor take long. */
export interface MemoriesTrigger {
  rootTurnStarted(thread: { readonly threadId: string; readonly cwd: string }): void;
}

/** Does nothing. */
export const noMemories: MemoriesTrigger = Object.freeze({ rootTurnStarted: (): void => {} });
