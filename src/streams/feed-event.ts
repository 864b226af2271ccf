/**
 * What feeds tell. A thread's feed tells its records, each once and in order, and to who asks its live
 * signals. The runtime's feed tells what starts, ends and moves over all threads.
 *
 * Signals are whatever the embedder's runtime publishes (`Signal` of the actors room); feeds pass them
 * on without looking inside. Events are shared by all subscribers: read them, don't change them.
 */
import type { RolloutRecord, TurnStatus } from "../events/index.ts";
import type { Missed } from "./lossy-source.ts";

/** What a feed of one thread tells. */
export type FeedEvent<Signal> =
  | { readonly type: "record"; readonly threadId: string; readonly record: RolloutRecord }
  | { readonly type: "signal"; readonly threadId: string; readonly signal: Signal };

/** What only the runtime knows, for `hub.publishLifecycle`. */
export type LifecycleEvent =
  | { readonly type: "thread_loaded"; readonly threadId: string }
  | { readonly type: "thread_unloaded"; readonly threadId: string; readonly reason: string }
  | { readonly type: "status_changed"; readonly threadId: string; readonly state: string }
  | { readonly type: "turn_started"; readonly threadId: string; readonly turnId: string }
  | {
      readonly type: "turn_completed";
      readonly threadId: string;
      readonly turnId: string;
      readonly status: TurnStatus;
    };

/** What starts, ends and moves, of all threads. */
export type RuntimeEvent =
  | LifecycleEvent
  | {
      readonly type: "thread_created" | "thread_archived" | "thread_unarchived" | "thread_deleted";
      readonly threadId: string;
    }
  | { readonly type: "thread_name_updated"; readonly threadId: string; readonly name: string | null };

/** What a feed of the whole runtime tells: events, and how many the subscriber was too slow for. */
export type RuntimeFeedEvent = RuntimeEvent | Missed;
