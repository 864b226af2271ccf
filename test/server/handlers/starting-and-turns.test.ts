/**
 * Threads that start, and their turns: what is answered, what is told, in which order.
 */
import { afterEach, describe, expect, it } from "vitest";

import { closeServers, serve } from "../server-fixture.ts";

afterEach(closeServers);

describe("thread/start", () => {
  it("answers the thread and what it runs with, then tells everybody", async () => {
    const { connect } = await serve();
    const client = await connect();
    const other = await connect();
    const { thread, ...settings } = await client.call("thread/start", { cwd: "sub", threadSource: "user" });
    expect(thread).toMatchObject({ status: { type: "idle" }, cwd: "/srv/ws/sub", turns: [], preview: "" });
    expect(settings).toMatchObject({ model: "scripted-model", approvalPolicy: "never", reasoningEffort: null });
    await other.told("thread/started");
    expect(client.words(1)).toEqual(["RESP thread/start", "thread/started"]);
    expect(other.words(1)).toEqual(["thread/started"]);
  });
});

describe("a turn", () => {
  it("is answered before anything of it is told, and told in the peer's order", async () => {
    const { connect } = await serve({
      agent: [[{ reason: "Hm." }, { say: "Hello." }, { usage: { input_tokens: 3 } }]],
    });
    const client = await connect();
    const threadId = await client.startThread();
    const from = client.messages.length;
    const turn = await client.runTurn(threadId, "hi");
    expect(client.words(from)).toEqual([
      "RESP turn/start",
      "status active",
      "turn/started",
      "item/started userMessage",
      "item/completed userMessage",
      "item/started reasoning",
      "item/reasoning/summaryPartAdded",
      "item/completed reasoning",
      "item/started agentMessage",
      "item/completed agentMessage",
      "thread/tokenUsage/updated",
      "status idle",
      "turn/completed completed",
    ]);
    expect(turn).toMatchObject({ items: [], itemsView: "notLoaded", error: null });
  });
});
