/**
 * What a thread has used, and with which turn it is shown after a restart, also when that turn was
 * rolled back.
 */
import { describe, expect, it } from "vitest";

import {
  type AppendableItem,
  foldRecords,
  tokenUsageFold,
  tokenUsageOf,
  turnsFold,
  turnsOf,
  usageTurnIdOf,
} from "../../../src/events/index.ts";
import { event, meta, rollback, turn } from "../item-builders.ts";
import { recordsOf } from "../log-reading.ts";

function counted(total: number, window: number | null = 1_000): AppendableItem {
  const usage = (tokens: number) => ({
    input_tokens: tokens,
    cached_input_tokens: 0,
    output_tokens: 0,
    reasoning_output_tokens: 0,
    total_tokens: tokens,
  });
  return event("token_count", {
    info: { total_token_usage: usage(total), last_token_usage: usage(5), model_context_window: window },
  });
}

/** A turn with a token_count before its end. */
function using(id: string, count: AppendableItem): readonly AppendableItem[] {
  return turn(id, id).toSpliced(5, 0, count);
}

function read(...items: readonly AppendableItem[]) {
  const records = recordsOf(items);
  const state = foldRecords(tokenUsageFold, records);
  const turns = turnsOf(foldRecords(turnsFold, records), { live: false });
  return { usage: tokenUsageOf(state), turnId: usageTurnIdOf(state, turns) };
}

const NULL_COUNT = event("token_count", { info: null });

describe("token usage", () => {
  it("is that of the last token_count with info", () => {
    const { usage } = read(meta("t"), ...using("t1", counted(10)), ...using("t2", counted(30, null)), NULL_COUNT);
    expect(usage).toMatchObject({ total: { total_tokens: 30 }, last: { total_tokens: 5 }, modelContextWindow: null });
  });

  it("is nothing before the first", () => {
    expect(read(meta("t"), ...using("t1", NULL_COUNT)).usage).toBeNull();
    expect(read(meta("t"))).toEqual({ usage: null, turnId: "" });
  });

  it("is shown with the turn of the last token_count, also one without info", () => {
    expect(read(...using("t1", counted(10)), ...turn("t2", "x")).turnId).toBe("t1");
    expect(read(...using("t1", counted(10)), ...using("t2", NULL_COUNT), ...turn("t3", "x")).turnId).toBe("t2");
  });

  it("is shown with the turn in its place when its own was rolled back, else with the last that ended", () => {
    const used = [...turn("t0", "x"), ...using("t1", counted(10)), rollback(1)];
    expect(read(...used, ...turn("t2", "y")).turnId).toBe("t2");
    expect(read(...used).turnId).toBe("t0");
    expect(read(...using("t1", counted(10)), rollback(1)).turnId).toBe("");
  });

  it("is shown with a turn that has no start event by its index", () => {
    expect(read(meta("t"), event("user_message", { message: "a" }), counted(1)).turnId).toBe("rollout-1");
  });
});
