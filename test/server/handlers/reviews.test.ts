/**
 * review/start, in the thread itself or in a copy of it: what the answer says, and the order of what is told before
 * and behind it.
 */
import { afterEach, describe, expect, it } from "vitest";

import { closeServers, serve } from "../server-fixture.ts";

afterEach(closeServers);

const REVIEW = [
  "item/started enteredReviewMode",
  "item/completed enteredReviewMode",
  "status active",
  "turn/started",
  "item/started userMessage",
  "item/completed userMessage",
];
const REVIEW_END = [
  "item/started exitedReviewMode",
  "item/completed exitedReviewMode",
  "item/started agentMessage",
  "item/completed agentMessage",
  "status idle",
  "turn/completed completed",
];

describe("review/start", () => {
  it("inline answers the turn with its hint, then runs it in the thread", async () => {
    const { connect } = await serve({ agent: [[{ say: "Hi." }], [{ say: "Looks fine." }]] });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "one");
    const from = client.messages.length;
    const target = { type: "commit", sha: "1234567deadbeef", title: "Fix" };
    const { turn, reviewThreadId } = await client.call("review/start", { threadId, target });
    expect(reviewThreadId).toBe(threadId);
    const content = [{ type: "text", text: "commit 1234567: Fix", text_elements: [] }];
    expect(turn.items).toEqual([{ type: "userMessage", id: turn.id, content }]);
    await client.turnEnd(turn.id);
    const words = client.words(from);
    expect(words.slice(0, 7)).toEqual(["RESP review/start", ...REVIEW]);
    expect(words.slice(-6)).toEqual(REVIEW_END);
    const started = await client.told("turn/started", ({ turn: { id } }) => id === turn.id);
    expect(started.threadId).toBe(threadId);
  });

  it("detached tells of the new thread, answers, and runs there", async () => {
    const { connect } = await serve({ kind: "local", agent: [[{ say: "Hi." }], [{ say: "Looks fine." }]] });
    const client = await connect();
    const threadId = await client.startThread();
    await client.runTurn(threadId, "one");
    const from = client.messages.length;
    const target = { type: "custom", instructions: "look at it" };
    const { turn, reviewThreadId } = await client.call("review/start", { threadId, target, delivery: "detached" });
    expect(reviewThreadId).not.toBe(threadId);
    await client.turnEnd(turn.id);
    const words = client.words(from);
    expect(words.slice(0, 8)).toEqual(["thread/started", "RESP review/start", ...REVIEW]);
    expect(words.slice(-6)).toEqual(REVIEW_END);
    const { thread } = await client.call("thread/read", { threadId: reviewThreadId });
    expect(thread.forkedFromId).toBe(threadId);
    const source = await client.call("thread/read", { threadId, includeTurns: true });
    expect(source.thread.turns.length).toBe(1);
  });

  it("detached from a thread without a record gives that one first", async () => {
    const { connect } = await serve({ kind: "local" });
    const client = await connect();
    const threadId = await client.startThread();
    const target = { type: "custom", instructions: "look" };
    const { turn, reviewThreadId } = await client.call("review/start", { threadId, target, delivery: "detached" });
    expect((await client.turnEnd(turn.id)).status).toBe("completed");
    expect((await client.call("thread/read", { threadId: reviewThreadId })).thread.forkedFromId).toBe(threadId);
  });

  it("is not steered", async () => {
    const { connect } = await serve({ agent: [[{ untilAborted: true }]] });
    const client = await connect();
    const threadId = await client.startThread();
    const { turn } = await client.call("review/start", { threadId, target: { type: "uncommittedChanges" } });
    const input = [{ type: "text", text: "x" }];
    const { error } = await client.request("turn/steer", { threadId, input, expectedTurnId: turn.id });
    expect(error).toMatchObject({
      message: "cannot steer a review turn",
      data: { codexErrorInfo: { activeTurnNotSteerable: { turnKind: "review" } } },
    });
    await client.call("turn/interrupt", { threadId, turnId: turn.id });
    expect((await client.turnEnd(turn.id)).status).toBe("interrupted");
  });

  it.each([
    [{ type: "baseBranch", branch: " " }, "branch must not be empty"],
    [{ type: "commit", sha: "" }, "sha must not be empty"],
    [{ type: "custom", instructions: "  " }, "instructions must not be empty"],
  ])("refuses %j", async (target, words) => {
    const { connect } = await serve();
    const client = await connect();
    const threadId = await client.startThread();
    expect(await client.refusal("review/start", { threadId, target })).toEqual([-32_600, words]);
  });
});
