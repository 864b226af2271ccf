/**
 * Reviews and compactions: turns of their own with one id, what they leave in the log and for the
 * model, and how they end when they don't run through.
 */
import { afterEach, describe, expect, test } from "vitest";

import { echoAgent, type ReviewTarget, scriptedAgent } from "../../src/actors/index.ts";
import { SUMMARY_PREFIX } from "../../src/actors/compaction.ts";
import { type ActorFixture, eventsOf, openFixture, STORE_KINDS } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

const FINDINGS = JSON.stringify({
  findings: [
    {
      title: "[P1] Off by one",
      body: "The last item\nis lost.",
      confidence_score: 0.9,
      priority: 1,
      code_location: { absolute_file_path: "/srv/a.ts", line_range: { start: 1, end: 2 } },
    },
  ],
  overall_correctness: "patch is incorrect",
  overall_explanation: "One problem.",
  overall_confidence_score: 0.8,
});
const FINDINGS_TEXT =
  "One problem.\n\nReview comment:\n\n- [P1] Off by one — /srv/a.ts:1-2\n  The last item\n  is lost.";

describe("a review", () => {
  test("is one turn with both markers, and leaves its findings to the model", async () => {
    const agent = scriptedAgent({
      turns: [[{ reason: "looking" }, { say: FINDINGS }, { usage: { input_tokens: 3 } }]],
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const review = await thread.review({ type: "commit", sha: "1234567deadbeef", title: "Fix" });
    expect(thread.snapshot()).toMatchObject({ state: "reviewing", activeTurnId: review.turnId });
    const ended = await review.completed;
    expect(ended).toMatchObject({
      id: review.turnId,
      status: "completed",
      items: [
        { type: "enteredReviewMode", review: "commit 1234567: Fix" },
        { type: "userMessage" },
        { type: "exitedReviewMode", review: "One problem." },
        { type: "agentMessage", text: FINDINGS_TEXT },
      ],
    });
    expect((await fixture.kinds(thread.id)).slice(1)).toEqual([
      "event_msg:task_started",
      "turn_context",
      "event_msg:entered_review_mode",
      "event_msg:user_message",
      "event_msg:token_count",
      "response_item",
      "event_msg:exited_review_mode",
      "response_item",
      "event_msg:agent_message",
      "event_msg:task_complete",
    ]);
    expect(thread.modelContext().map((item) => item["role"])).toEqual(["user", "assistant"]);
    expect(JSON.stringify(thread.modelContext()[0])).toContain("<user_action>");
    expect(agent.requests[0]).toMatchObject({ task: "review" });
    expect(JSON.stringify(agent.requests[0]?.context.at(-1))).toContain("1234567deadbeef");
  });

  test.each<[ReviewTarget, string]>([
    [{ type: "uncommittedChanges" }, "current changes"],
    [{ type: "baseBranch", branch: "main" }, "changes against 'main'"],
    [{ type: "commit", sha: "1234567deadbeef" }, "commit 1234567"],
    [{ type: "custom", instructions: "look at it" }, "look at it"],
  ])("of %j shows its hint", async (target, hint) => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const ended = await (await thread.review(target)).completed;
    expect(ended.items[0]).toMatchObject({ type: "enteredReviewMode", review: hint });
    expect(eventsOf(await fixture.records(thread.id), "entered_review_mode")).toMatchObject([
      { target, user_facing_hint: hint },
    ]);
  });

  test("of a blank target is refused with the field's name", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    await expect(thread.review({ type: "baseBranch", branch: " " })).rejects.toMatchObject({
      code: "invalid_argument",
      message: "branch must not be empty",
    });
    await expect(thread.review({ type: "commit", sha: "" })).rejects.toMatchObject({ data: { field: "sha" } });
    await expect(thread.review({ type: "custom", instructions: "" })).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await expect(thread.review({ type: "vibes" } as never)).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("whose answer is no JSON keeps it as the explanation", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ say: "Looks {fine} to me." }]] }) });
    const thread = await fixture.manager.start();
    const ended = await (await thread.review({ type: "uncommittedChanges" })).completed;
    expect(ended.items.at(-2)).toMatchObject({ type: "exitedReviewMode", review: "Looks {fine} to me." });
    expect(ended.items.at(-1)).toMatchObject({ text: "Looks {fine} to me." });
  });

  test("that is interrupted or finds nothing to say leaves review mode all the same", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ untilAborted: true }], [{ reason: "hm" }]] }) });
    const thread = await fixture.manager.start();
    const first = await thread.review({ type: "uncommittedChanges" });
    expect((await thread.interrupt(first.turnId)).status).toBe("interrupted");
    const second = await (await thread.review({ type: "uncommittedChanges" })).completed;
    expect(second).toMatchObject({ status: "failed", error: { message: "the agent scripted gave no findings" } });
    const left = eventsOf(await fixture.records(thread.id), "exited_review_mode");
    expect(left.map((event) => event["review_output"])).toEqual([null, null]);
  });

  test("is told with its markers when they are durable", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    await (
      await thread.review({ type: "uncommittedChanges" })
    ).completed;
    const completed = fixture.signals(thread.id).filter((signal) => signal.type === "item_completed");
    expect(completed.map((signal) => signal.item.type)).toEqual([
      "enteredReviewMode",
      "userMessage",
      "exitedReviewMode",
      "agentMessage",
    ]);
  });
});

describe.each(STORE_KINDS)("a compaction on a %s store", (kind) => {
  test("leaves the user's messages and the summary, in a turn of its own", async () => {
    const agent = scriptedAgent({
      turns: [[{ say: "a1" }], [{ say: "a2" }], [{ say: "They talked." }], [{ say: "a3" }]],
    });
    fixture = await openFixture({ kind, agent });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("u1")
    ).completed;
    await (
      await thread.startTurn("u2")
    ).completed;
    const compaction = await thread.compact();
    expect(thread.snapshot().state).toBe("compacting");
    const ended = await compaction.completed;
    expect(ended).toMatchObject({ status: "completed", items: [{ type: "contextCompaction" }] });
    const texts = ["u1", "u2", `${SUMMARY_PREFIX}\nThey talked.`];
    const expected = texts.map((text) => ({ type: "message", role: "user", content: [{ type: "input_text", text }] }));
    expect(thread.modelContext()).toEqual(expected);
    expect(agent.requests[2]).toMatchObject({ task: "compact", input: [] });
    await (
      await thread.startTurn("u3")
    ).completed;
    expect(agent.requests[3]?.context.slice(0, 3)).toEqual(expected);
  });

  test("a second one does not keep the first one's summary as the user's words", async () => {
    const agent = scriptedAgent({ turns: [[{ say: "a1" }], [{ say: "S1" }], [{ say: "S2" }]] });
    fixture = await openFixture({ kind, agent });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("u1")
    ).completed;
    await (
      await thread.compact()
    ).completed;
    await (
      await thread.compact()
    ).completed;
    expect(JSON.stringify(thread.modelContext())).not.toContain("S1");
    expect(thread.modelContext()).toHaveLength(2);
  });

  test("a rollback across it brings the older context back", async () => {
    const agent = scriptedAgent({ turns: [[{ say: "a1" }], [{ say: "S" }], [{ say: "a2" }]] });
    fixture = await openFixture({ kind, agent });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("u1")
    ).completed;
    const before = thread.modelContext();
    const compaction = await thread.compact();
    await compaction.completed;
    await (
      await thread.startTurn("u2")
    ).completed;
    await thread.revert(compaction.turnId);
    expect(thread.modelContext()).toEqual(before);
  });

  test("of an empty thread works, without a summary it fails, and deltas of it aren't shown", async () => {
    fixture = await openFixture({
      kind,
      agent: scriptedAgent({ turns: [[{ say: "nothing yet" }], [{ reason: "?" }]] }),
    });
    const thread = await fixture.manager.start();
    expect((await (await thread.compact()).completed).status).toBe("completed");
    const failed = await (await thread.compact()).completed;
    expect(failed).toMatchObject({ status: "failed", error: { message: "the agent scripted gave no summary" } });
    const types = new Set(fixture.signals(thread.id).map((signal) => signal.type));
    expect(types.has("text_delta")).toBe(false);
  });
});
