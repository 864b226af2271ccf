/**
 * Where a feed's events come from, one instance a subscription. A source is pulled: it hands out what is
 * ready and says when there is more, so a slow subscriber holds it back and nothing piles up behind.
 */

/** Events of one subscription, in order. */
export interface EventSource<Event> {
  /** The next event if one is ready. Never throws, never waits. */
  poll(): Event | undefined;
  /** True when `poll` has something, false when the feed is over. Rejects when it failed. */
  ready(): Promise<boolean>;
  /** Ends the subscription, drops what is held and lets go of everything. Idempotent. */
  stop(): void;
  stats(): FeedStats;
}

/** What a subscription holds and has been through. */
export interface FeedStats {
  /** Records (of the runtime's feed: events) held now. Never more than the bound. */
  readonly held: number;
  /** The most that were ever held at once. */
  readonly heldPeak: number;
  readonly signalsHeld: number;
  /** Signals the subscriber was too slow for. */
  readonly signalsDropped: number;
  /** Times the buffer was full and the feed went back to the log (the runtime's feed: missed events). */
  readonly overflows: number;
  /** Pages read from the log. */
  readonly pagesRead: number;
}
