/**
 * What the feed over all threads tells of a thread's own story: that it was loaded or unloaded, what state
 * it is in, and that a turn began or ended. Deltas and items stay with the thread's own feed.
 */
import type { ManagerEvent } from "../actors/index.ts";
import type { LifecycleEvent } from "../streams/index.ts";

/** The event for the runtime's feed; undefined for what only the thread's subscribers hear. */
export function lifecycleEventOf(event: ManagerEvent): LifecycleEvent | undefined {
  if (event.type !== "signal") return event;
  const { threadId, signal } = event;
  switch (signal.type) {
    case "turn_started":
      return { type: "turn_started", threadId, turnId: signal.turnId };
    case "turn_completed":
      return { type: "turn_completed", threadId, turnId: signal.turn.id, status: signal.turn.status };
    case "status_changed":
      return { type: "status_changed", threadId, state: signal.state };
    case "item_started":
    case "item_completed":
    case "text_delta":
    case "reasoning_delta":
    case "usage_updated":
    case "question_asked":
    case "question_settled":
      return undefined;
  }
}
