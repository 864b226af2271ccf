/**
 * Events that no log holds, for one subscription. There is nothing to go back to: a subscriber who is too slow is
 * told how many events it missed, where they are missing.
 *
 * Never more than the bound is held. At the bound what comes is counted and dropped, until there is room
 * for the count and the next event.
 */
import { createBoundedQueue } from "./bounded-queue.ts";
import type { EventSource, FeedStats } from "./event-source.ts";
import { createWakeup } from "./wakeup.ts";

/** Events that the subscriber was too slow for; told in their place. */
export interface Missed {
  readonly type: "missed";
  readonly count: number;
}

/** Hears what is published. */
export interface LossyListener<Event> {
  onEvent(event: Event): void;
  /** Nothing more will come; what is held is still told. */
  onEnd(): void;
}

/** Checked settings of a subscription. */
export interface LossyFeedSettings<Event> {
  /** Begins to listen; answers how to end it. */
  readonly listen: (listener: LossyListener<Event>) => () => void;
  /** Events held at most, at least 2: a marker and an event. */
  readonly bufferEventsMax: number;
  readonly abort: AbortSignal | undefined;
}

/** Opens the source; it listens from now on. */
export function openLossySource<Event>(settings: LossyFeedSettings<Event>): EventSource<Event | Missed> {
  const { bufferEventsMax, abort } = settings;
  const events = createBoundedQueue<Event | Missed>(bufferEventsMax);
  const wakeup = createWakeup();
  let missed = 0;
  let overflows = 0;
  let isOver = false;

  const onEvent = (event: Event): void => {
    const places = missed === 0 ? 1 : 2;
    if (events.size + places > bufferEventsMax) {
      if (missed === 0) overflows += 1;
      missed += 1;
      return;
    }
    tellMissed();
    events.push(event);
    wakeup.wake();
  };
  const tellMissed = (): void => {
    if (missed === 0) return;
    events.push({ type: "missed", count: missed });
    missed = 0;
  };
  const onEnd = (): void => {
    isOver = true;
    wakeup.wake();
  };
  const unlisten = settings.listen({ onEvent, onEnd });
  const letGo = (): void => {
    unlisten();
    abort?.removeEventListener("abort", stop);
  };
  const stop = (): void => {
    events.clear();
    missed = 0;
    letGo();
    onEnd();
  };
  if (abort?.aborted === true) stop();
  else abort?.addEventListener("abort", stop);

  return {
    poll: () => events.shift(),
    async ready() {
      for (;;) {
        // Run empty: what was missed is missing here.
        if (events.size === 0) tellMissed();
        if (events.size > 0) return true;
        if (isOver) {
          letGo();
          return false;
        }
        await wakeup.wait();
      }
    },
    stop,
    stats: (): FeedStats => ({
      held: events.size,
      heldPeak: events.peakSize,
      signalsHeld: 0,
      signalsDropped: 0,
      overflows,
      pagesRead: 0,
    }),
  };
}
