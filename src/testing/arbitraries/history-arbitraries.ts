/**
 * Arbitrary histories: what a thread's log holds from its session_meta on. Turn after turn, with
 * rollbacks, changed metadata and records of kinds nobody knows between them. Turn ids are `turn-1`,
 * `turn-2`, … in order.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import { arbNoise, arbRollback, arbSessionMeta } from "./item-kind-arbitraries.ts";
import { arbTurnItems } from "./turn-arbitraries.ts";

/** How long a history gets, and what is in it. */
export interface ArbHistoryOptions {
  /** Turns and other steps at most. Default 6. */
  readonly stepsMax?: number;
  /** Id of the thread. Default a fixed one. */
  readonly threadId?: string;
  /** Default true. */
  readonly hasRollbacks?: boolean;
}

const THREAD_ID = "01900000-0000-7000-8000-000000000001";

/** A history, its session_meta first. */
export function arbHistory(options: ArbHistoryOptions = {}): fc.Arbitrary<readonly AppendableItem[]> {
  const { stepsMax = 6, threadId = THREAD_ID, hasRollbacks = true } = options;
  const meta: AppendableItem = {
    type: "session_meta",
    payload: {
      id: threadId,
      timestamp: "2026-05-05T10:00:00.000Z",
      cwd: "/work/place",
      originator: "arbitrary",
      cli_version: "0.130.0",
      source: "vscode",
    },
  };
  // Made once: building arbitraries costs more than drawing from them.
  const steps = Array.from({ length: stepsMax }, (_, index) => step(index, threadId, hasRollbacks));
  return fc
    .nat(stepsMax)
    .chain((count) => fc.tuple(...steps.slice(0, count)))
    .map((drawn) => [meta, ...drawn.flat()]);
}

function step(index: number, threadId: string, hasRollbacks: boolean): fc.Arbitrary<readonly AppendableItem[]> {
  const turn = { weight: 8, arbitrary: arbTurnItems(`turn-${index + 1}`) };
  const other = { weight: 1, arbitrary: fc.oneof(arbNoise(), arbSessionMeta(threadId)).map((item) => [item]) };
  if (!hasRollbacks) return fc.oneof(turn, other);
  const before = fc.constantFrom(undefined, undefined, `turn-${index}`, `turn-${Math.max(1, index - 1)}`, "rollout-3");
  return fc.oneof(turn, other, { weight: 3, arbitrary: arbRollback(before).map((item) => [item]) });
}
