/**
 * Events told to whoever subscribes, from then on, each subscriber bounded on its own: who is too slow is told how
 * many it missed. It ends for all at once, and late subscribers see it ended.
 */
import type { Logger } from "../base/index.ts";
import { EventFeed, type LossyListener, type Missed, openLossySource } from "../streams/index.ts";
import { CLIENT_LIMITS } from "./client-limits.ts";

/** How a broadcast is made. */
export interface BroadcastOptions<Event> {
  readonly logger: Logger;
  /** What each subscriber is told first: how things stand. */
  readonly first?: () => Event;
}

export class Broadcast<Event> {
  /** The feed to hand out. */
  readonly feed: EventFeed<Event | Missed>;
  readonly #listeners = new Set<LossyListener<Event>>();
  #isOver = false;

  constructor({ logger, first }: BroadcastOptions<Event>) {
    const listen = (listener: LossyListener<Event>): (() => void) => {
      if (first !== undefined) listener.onEvent(first());
      if (this.#isOver) listener.onEnd();
      else this.#listeners.add(listener);
      return () => void this.#listeners.delete(listener);
    };
    const { feedEventsMax: bufferEventsMax } = CLIENT_LIMITS;
    this.feed = new EventFeed(logger, () => openLossySource<Event>({ listen, bufferEventsMax, abort: undefined }));
  }

  tell(event: Event): void {
    for (const listener of this.#listeners) listener.onEvent(event);
  }

  end(): void {
    this.#isOver = true;
    for (const listener of this.#listeners) listener.onEnd();
    this.#listeners.clear();
  }
}
