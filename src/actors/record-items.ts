/**
 * Events and response items as items of an append, and long histories as the batches of several
 * appends, each within what a store takes at once.
 */
import { LIMITS } from "../base/index.ts";
import type { AppendableItem, EventMsg, ResponseItem } from "../events/index.ts";

/** An event as it is appended. */
export function eventItem(event: EventMsg): AppendableItem {
  return { type: "event_msg", payload: event };
}

/** An item of the model's history as it is appended. */
export function responseItem(item: ResponseItem): AppendableItem {
  return { type: "response_item", payload: item };
}

/** Response items as the batches of their appends, each within LIMITS.appendItemsMax. */
export function* recordInBatches(items: readonly ResponseItem[]): Generator<readonly AppendableItem[]> {
  for (let at = 0; at < items.length; at += LIMITS.appendItemsMax) {
    yield items.slice(at, at + LIMITS.appendItemsMax).map(responseItem);
  }
}
