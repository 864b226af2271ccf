/**
 * streams: feeds. A thread's records from any ordinal on and then live, and what starts, ends and moves
 * over all threads; as Observable and as AsyncIterable, with bounds for slow subscribers.
 */
export { type BoundedQueue, createBoundedQueue } from "./bounded-queue.ts";
export { EventFeed, type FeedIterator } from "./event-feed.ts";
export type { EventSource, FeedStats } from "./event-source.ts";
export type { FeedEvent, LifecycleEvent, RuntimeEvent, RuntimeFeedEvent } from "./feed-event.ts";
export { createFeedHub, type FeedHub, type FeedOptions, type RuntimeFeedOptions } from "./feed-hub.ts";
export { type LossyListener, type Missed, openLossySource } from "./lossy-source.ts";
export { createWakeup } from "./wakeup.ts";
