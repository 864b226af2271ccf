/**
 * The outcomes of appends that came in one message, told as they are known: one that waits keeps no other waiting, and
 * those that are known in the same turn of the event loop go back in one message.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";

import { nextLoopTurn } from "../../base/index.ts";
import {
  type AppendBatchResponseSchema,
  type AppendItemsResponseSchema,
  type AppendOutcome,
  AppendOutcomeSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { toErrorDetail } from "./wire-errors.ts";

/** What an append is answered. */
export type AppendAnswer = MessageInitShape<typeof AppendItemsResponseSchema>;

type Outcomes = MessageInitShape<typeof AppendBatchResponseSchema>;

/** Tells them until all are told, or nobody listens. */
export async function* outcomesOf(
  appends: readonly Promise<AppendAnswer>[],
  { signal }: HandlerContext,
): AsyncGenerator<Outcomes> {
  let known: AppendOutcome[] = [];
  let wake = (): void => {};
  for (const [index, append] of appends.entries()) {
    append.then(
      (value) => {
        known.push(create(AppendOutcomeSchema, { index, outcome: { case: "answer", value } }));
        wake();
      },
      (error: unknown) => {
        known.push(create(AppendOutcomeSchema, { index, outcome: { case: "refusal", value: toErrorDetail(error) } }));
        wake();
      },
    );
  }
  signal.addEventListener("abort", () => wake(), { once: true });
  for (let left = appends.length; left > 0;) {
    if (known.length === 0 && !signal.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    await nextLoopTurn();
    signal.throwIfAborted();
    const outcomes = known;
    known = [];
    left -= outcomes.length;
    yield { outcomes };
  }
}
