/**
 * The contract between the manager's events and the hub, held by the compiler: streams and actors don't
 * know each other, and everything a manager tells can be published as it is.
 */
import { describe, expect, it } from "vitest";

import type { ManagerEvent, Signal } from "../../src/actors/index.ts";
import { createFeedHub, type FeedHub } from "../../src/streams/index.ts";
import { createFeedWorld, short, take } from "./feed-harness.ts";

/** What a runtime does with each event of its manager. */
function publish(hub: FeedHub<Signal>, event: ManagerEvent): void {
  if (event.type !== "signal") {
    hub.publishLifecycle(event);
    return;
  }
  const { threadId, signal } = event;
  hub.publishSignal(threadId, signal);
  switch (signal.type) {
    case "turn_started":
      hub.publishLifecycle({ type: "turn_started", threadId, turnId: signal.turnId });
      return;
    case "turn_completed": {
      const { id: turnId, status } = signal.turn;
      hub.publishLifecycle({ type: "turn_completed", threadId, turnId, status });
      return;
    }
    case "status_changed":
      hub.publishLifecycle({ type: "status_changed", threadId, state: signal.state });
      return;
    case "item_started":
    case "item_completed":
    case "text_delta":
    case "reasoning_delta":
    case "usage_updated":
    case "question_asked":
    case "question_settled":
      return;
  }
}

describe("a manager's events", () => {
  it("reach the thread's feed as signals and the runtime's feed as what happened", async () => {
    const { store, threadId } = await createFeedWorld("hello");
    const hub = createFeedHub<Signal>({ store });
    const thread = hub.openFeed({ threadId, from: "end", signals: true })[Symbol.asyncIterator]();
    const runtime = hub.openRuntimeFeed()[Symbol.asyncIterator]();
    const signals: readonly Signal[] = [
      { type: "turn_started", turnId: "t", startedAt: 1 },
      { type: "text_delta", turnId: "t", itemId: "i", delta: "hel" },
      { type: "status_changed", state: "idle" },
    ];
    publish(hub, { type: "thread_loaded", threadId });
    for (const signal of signals) publish(hub, { type: "signal", threadId, signal });
    expect((await take(thread, 3)).map(short)).toEqual(signals);
    expect((await take(runtime, 3)).map((event) => event.type)).toEqual([
      "thread_loaded",
      "turn_started",
      "status_changed",
    ]);
    hub.close();
  });
});
