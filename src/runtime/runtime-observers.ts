/**
 * Who observes a runtime: told at once and in order, before the feeds are. An observer's mistakes are its own:
 * what one throws is logged, and neither a thread nor another observer hears of it.
 */
import type { ManagerEvent, RuntimeObserver } from "../actors/index.ts";
import { type Logger, rejection } from "../base/index.ts";

export class RuntimeObservers {
  readonly #logger: Logger;
  /** Replaced, never changed: who comes or goes while an event is told changes nothing about that telling. */
  #observers: readonly { readonly observer: RuntimeObserver }[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Answers how to end it; ending it twice is fine. `invalid_argument` for what can't be told anything. */
  add(observer: RuntimeObserver): () => void {
    const { event } = (observer ?? {}) as { readonly event?: unknown };
    if (typeof event !== "function") throw rejection("invalid_argument", "an observer must be an object with event()");
    const entry = { observer };
    this.#observers = [...this.#observers, entry];
    return () => {
      this.#observers = this.#observers.filter((other) => other !== entry);
    };
  }

  tell(event: ManagerEvent): void {
    for (const { observer } of this.#observers) {
      try {
        observer.event(event);
      } catch (error) {
        this.#logger.error({ error, event: event.type, threadId: event.threadId }, "an observer of the runtime threw");
      }
    }
  }

  /** Whether somebody wants the thread loaded; who can't say wants it. */
  keepLoaded(threadId: string): boolean {
    return this.#observers.some(({ observer }) => {
      try {
        return observer.keepsLoaded?.(threadId) ?? false;
      } catch (error) {
        this.#logger.error({ error, threadId }, "keepsLoaded of an observer threw; the thread stays loaded");
        return true;
      }
    });
  }
}
