/**
 * Skein's own: a thread's recorded events over the wire, from any position on, without gap or double. A consumer
 * acknowledges what it has done; at most a window of records is under way to it, and a named checkpoint lets it
 * go on after a restart where it was.
 */
import { z } from "zod";

import { notification, request } from "./definition.ts";
import { list, nothing, struct } from "./wire-schema.ts";

const ordinal = (description: string): z.ZodType<number> => z.int().min(0).meta({ format: "uint", description });
const checkpointName = (): z.ZodString =>
  z.string().min(1).max(128).describe("The consumer's own name, 1 to 128 characters.");
const ofSubscription = (): { subscriptionId: z.ZodString; threadId: z.ZodString } => ({
  subscriptionId: z.string(),
  threadId: z.string(),
});
/** Ordinals alone would not tell that a server which lost records has others there by now. */
const place = struct("ThreadEventsPlace", "Says which record stands at an ordinal, in the words it was told in.", {
  timestamp: z.string(),
  type: z.string(),
});
const checkpointKey = (id: string) =>
  struct(id, "Which checkpoint.", { threadId: z.string(), checkpoint: checkpointName() });

/** Requests of the feed. */
export const FEED_REQUESTS = {
  "thread/events/subscribe": request({
    doc:
      "Opens a feed of a thread's records: those stored, then those that happen. Where it begins: `from`, else " +
      "the checkpoint's position, else (`fromNow`) the end, else the first record. The thread need not be loaded. " +
      "A place past the end of the log is refused, with both numbers. Where the server lost the record before it " +
      "(`after` is another one, or the checkpoint's record is), it is refused with `history_truncated`: begin anew with `from`.",
    queue: "thread",
    since: "skein",
    params: () =>
      struct("ThreadEventsSubscribeParams", "Where the feed begins.", {
        threadId: z.string(),
        from: ordinal("The ordinal of the first record that is wanted.").nullish(),
        fromNow: z.boolean().nullish().describe("True: only records that come from now on."),
        checkpoint: checkpointName()
          .nullish()
          .describe("A name under which acknowledgements are stored; the newest subscription with it has it."),
        after: place
          .nullish()
          .describe("The record before `from` (1 or more, given too): who comes back says what it was told last."),
        signals: z.boolean().nullish().describe("True: live signals too (deltas, progress); they are never stored."),
        window: z
          .int()
          .min(1)
          .max(10_000)
          .nullish()
          .describe("Records under way and not acknowledged at most; default 1,024. Bytes are bounded as well."),
      }),
    result: () =>
      struct("ThreadEventsSubscribeResponse", "The subscription.", {
        subscriptionId: z.string(),
        from: ordinal("The ordinal of the first record that will come."),
        nextOrdinal: ordinal("The ordinal that the next record written to the thread gets."),
        after: place.nullish().describe("The record before `from`; null where `from` is 0."),
      }),
  }),
  "thread/events/ack": request({
    doc:
      "Says that every record below `nextOrdinal` is done. Opens the window, and is stored before it is answered " +
      "when the subscription has a checkpoint. What was acknowledged before is nothing new; what was not sent is refused, " +
      "and (`history_truncated`, on PostgreSQL, which ends the feed) what the server lost since or has others for.",
    since: "skein",
    params: () =>
      struct("ThreadEventsAckParams", "What is done.", {
        subscriptionId: z.string(),
        nextOrdinal: ordinal("The first record that is not done yet."),
      }),
    result: () => nothing("ThreadEventsAckResponse"),
  }),
  "thread/events/unsubscribe": request({
    doc: "Ends a feed. Its checkpoint stays.",
    since: "skein",
    params: () => struct("ThreadEventsUnsubscribeParams", "Which feed.", { subscriptionId: z.string() }),
    result: () => nothing("ThreadEventsUnsubscribeResponse"),
  }),
  "thread/events/checkpoint/read": request({
    doc:
      "The position of a checkpoint, or null when there is none of that name. `history_truncated` where the record " +
      "before it was lost.",
    queue: "thread",
    since: "skein",
    params: () => checkpointKey("ThreadEventsCheckpointReadParams"),
    result: () =>
      struct("ThreadEventsCheckpointReadResponse", "The position.", {
        nextOrdinal: ordinal("The first record that is not done yet.").nullable(),
      }),
  }),
  "thread/events/checkpoint/delete": request({
    doc: "Forgets a checkpoint; fine when there is none of that name.",
    queue: "thread",
    since: "skein",
    params: () => checkpointKey("ThreadEventsCheckpointDeleteParams"),
    result: () => nothing("ThreadEventsCheckpointDeleteResponse"),
  }),
} as const;

/** Notifications of the feed; only the connection that subscribed gets them. */
export const FEED_NOTIFICATIONS = {
  "thread/events/records": notification("connection", {
    doc: "Records of the thread, in order: each ordinal once, the next one follows the last one sent.",
    since: "skein",
    params: () =>
      struct("ThreadEventsRecordsNotification", "Records.", {
        ...ofSubscription(),
        records: list(
          struct("ThreadEventsRecord", "One line of the rollout.", {
            ordinal: ordinal("Its place among the thread's records, from 0 on."),
            timestamp: z.string().describe("When it was written, RFC 3339; empty where the line has none."),
            type: z
              .string()
              .describe("`session_meta`, `turn_context`, `response_item`, `event_msg`, `compacted` or other."),
            payload: z.unknown().describe("The record's content, as it is stored."),
          }),
        ),
      }),
  }),
  "thread/events/signal": notification("connection", {
    doc: "Something that happens now and is not stored; between two records it has no place of its own.",
    since: "skein",
    params: () =>
      struct("ThreadEventsSignalNotification", "A signal.", {
        ...ofSubscription(),
        signal: signal(),
      }),
  }),
  "thread/events/ended": notification("connection", {
    doc:
      "The feed ended and nothing more will come of it: the thread was deleted, another subscription took the " +
      "checkpoint over, the checkpoint was deleted, the log can't be read any more, the server stops, or " +
      "(`history of the thread was lost`, on PostgreSQL after a failover) what was told isn't the thread's log any more.",
    since: "skein",
    params: () =>
      struct("ThreadEventsEndedNotification", "The end.", {
        ...ofSubscription(),
        reason: z.string(),
      }),
  }),
} as const;

function signal(): z.ZodType<{ readonly type: string }> {
  return z.looseObject({ type: z.string() });
}
