/**
 * Who listens to a store handle. Telling is synchronous and in order; a listener that throws is taken
 * out of nobody's way: the error goes to the log and the others are still told.
 */
import type { Logger } from "../base/index.ts";
import type { StoreEvent } from "./thread-store.ts";

/** Listeners of one store handle. */
export interface StoreEvents {
  /** Whether telling is worth the work of building an event. */
  hasListeners(): boolean;
  tell(event: StoreEvent): void;
  subscribe(listener: (event: StoreEvent) => void): () => void;
  /** Forgets all listeners. */
  clear(): void;
}

/** Makes the listeners of one handle. */
export function createStoreEvents(logger: Logger): StoreEvents {
  // Keyed by a fresh object, so one function may listen twice and leave once.
  const listeners = new Map<object, (event: StoreEvent) => void>();
  return {
    hasListeners: () => listeners.size > 0,
    tell(event) {
      for (const listener of listeners.values()) {
        try {
          listener(event);
        } catch (error) {
          logger.error({ error, event: event.type, threadId: event.threadId }, "a store listener threw");
        }
      }
    },
    subscribe(listener) {
      const key = {};
      listeners.set(key, listener);
      return () => void listeners.delete(key);
    },
    clear: () => listeners.clear(),
  };
}
