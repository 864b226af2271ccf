/**
 * echoAgent: the same conversation gives the same answer, chunk by chunk, without time or network; and
 * the delay, where one is asked for, is waited for on the clock it was given.
 */
import { describe, expect, test } from "vitest";

import { type AgentEvent, type AgentRequest, echoAgent } from "../../../src/actors/index.ts";
import { createManualClock } from "../../../src/testing/manual-clock.ts";
import { refusalOf } from "../actor-fixture.ts";

function requestOf(more: Partial<AgentRequest> = {}): AgentRequest {
  const said = { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] };
  return {
    task: "turn",
    threadId: "thread-1",
    turnId: "turn-1",
    context: [said],
    input: [{ type: "text", text: "hello" }],
    settings: { model: "echo", cwd: "/srv" },
    signal: new AbortController().signal,
    takeSteering: () => [],
    ask: () => Promise.reject(new Error("nobody is there")),
    ...more,
  };
}

async function play(request: AgentRequest, agent = echoAgent({ chunkChars: 4 })): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for await (const event of agent.run(request)) events.push(event);
  return events;
}

function said(events: readonly AgentEvent[]): unknown[] {
  return events.flatMap((event) => (event.type === "item" ? [event.item["content"]] : []));
}

describe("echoAgent", () => {
  test("streams its answer in chunks that make up the item, and reports usage by size", async () => {
    const events = await play(requestOf());
    const deltas = events.flatMap((event) => (event.type === "text_delta" ? [event.delta] : []));
    expect(deltas).toEqual(["Echo", ": he", "llo"]);
    expect(said(events)).toEqual([[{ type: "output_text", text: "Echo: hello" }]]);
    expect(events.at(-1)).toMatchObject({
      type: "usage",
      usage: { input_tokens: 2, output_tokens: 3, total_tokens: 5 },
    });
  });

  test("gives the same events for the same request", async () => {
    expect(await play(requestOf())).toEqual(await play(requestOf()));
  });

  test("answers what was steered in, in the same turn", async () => {
    const steered = [{ input: [{ type: "text" as const, text: "more" }], item: { type: "message" } }];
    const queue = [steered, []];
    const events = await play(requestOf({ takeSteering: () => queue.shift() ?? [] }));
    expect(JSON.stringify(said(events))).toContain("Echo: more");
  });

  test("summarizes for a compaction and reports no findings for a review", async () => {
    const summary = await play(requestOf({ task: "compact", input: [] }));
    expect(JSON.stringify(said(summary))).toContain("Summary of 1 messages; the last one said: hello");
    expect(JSON.stringify(said(await play(requestOf({ task: "compact", context: [] }))))).toContain(
      "Summary of 0 messages",
    );
    expect(JSON.stringify(said(await play(requestOf({ task: "review" }))))).toContain("No findings.");
  });

  test("waits on its clock before each chunk, and stops waiting when it is aborted", async () => {
    const clock = createManualClock();
    const agent = echoAgent({ delayMs: 10, chunkChars: 6, clock });
    const abort = new AbortController();
    const running = play(requestOf({ signal: abort.signal }), agent);
    const failed = refusalOf(running);
    await clock.run(10);
    expect(clock.pendingTimers()).toBe(1);
    abort.abort(new Error("enough"));
    expect(await failed).toMatchObject({ message: "enough" });
    expect(clock.pendingTimers()).toBe(0);
  });
});
