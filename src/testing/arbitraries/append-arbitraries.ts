/**
 * What is appended to a store: batches of items of every kind, and events of a few turns that open, fill,
 * end and drop each other. None of them says anything about the thread's own metadata, so laws about
 * that are free to.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import { arbRolloutItem, arbTurnEvent } from "./rollout-item-arbitraries.ts";

/** One append's worth of items. */
export function arbBatch(itemsMax = 5): fc.Arbitrary<readonly AppendableItem[]> {
  return fc.array(arbRolloutItem(), { minLength: 1, maxLength: itemsMax }).map(asRead);
}

/** Several appends, in order. */
export function arbBatches(batchesMax = 6): fc.Arbitrary<readonly (readonly AppendableItem[])[]> {
  return fc.array(arbBatch(), { minLength: 1, maxLength: batchesMax });
}

/** Events of a few turns in any order, so that starts, ends and rollbacks meet. */
export function arbTurnEvents(eventsMax = 24): fc.Arbitrary<readonly AppendableItem[]> {
  const turnIds = ["turn-1", "turn-2", "turn-3", "turn-4"];
  const event = fc.oneof(...turnIds.map((id) => arbTurnEvent(id)));
  return fc.array(event, { minLength: 1, maxLength: eventsMax }).map(asRead);
}

/** Objects as a parser makes them: fast-check's may have no prototype, and then equal nothing that was read. */
function asRead(items: readonly AppendableItem[]): readonly AppendableItem[] {
  return JSON.parse(JSON.stringify(items)) as readonly AppendableItem[];
}
