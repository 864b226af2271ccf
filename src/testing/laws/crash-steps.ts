/**
 * How a handle is ended in the middle of what it does, and what is known of its calls then. A kill takes one handle, a
 * power cut all of a place.
 */
import { ok } from "node:assert/strict";

import type { ThreadStore } from "../../store/index.ts";
import type { LawPlace } from "../store-law.ts";

/** Ends a handle, and gives another one. */
export type Ending = (place: LawPlace, store: ThreadStore) => Promise<ThreadStore>;

/** Kills the handle, and opens another. */
export async function killing(place: LawPlace, store: ThreadStore): Promise<ThreadStore> {
  ok(place.kill !== undefined, "a place that claims crashes can kill");
  await place.kill(store);
  return place.open();
}

/** Cuts the power, and opens another handle. */
export async function cuttingPower(place: LawPlace): Promise<ThreadStore> {
  ok(place.cutPower !== undefined, "a place that claims power cuts can cut the power");
  await place.cutPower();
  return place.open();
}

/** Resolves so many turns of the event loop later. */
export async function eventLoopTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** What is known of a call: nothing, while its handle is alive and after it was killed. */
export interface Call {
  state: "open" | "done" | "refused";
}

/** Follows a call that may never settle. */
export function follow(calling: Promise<unknown>): Call {
  const call: Call = { state: "open" };
  calling.then(
    () => {
      call.state = "done";
    },
    () => {
      call.state = "refused";
    },
  );
  return call;
}
