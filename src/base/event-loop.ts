/**
 * The event loop's turn as a port: code that could run for ever in microtasks (an agent that yields
 * without waiting for anything) lets timers, sockets and signals have theirs.
 */

/** Resolves in the next turn of the event loop, behind what waits there now. */
export function nextLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
