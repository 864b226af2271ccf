/**
 * What signals show beside the records: usage behind the append that recorded it, items that are only shown, the
 * parts of a reasoning summary, and the order around reviews. In the orders that clients of Codex know.
 */
import { afterEach, describe, expect, test } from "vitest";

import { type AgentEvent, echoAgent, scriptedAgent, type ScriptStep, type Signal } from "../../src/actors/index.ts";
import { fault } from "../../src/base/index.ts";
import type { ThreadItem } from "../../src/events/index.ts";
import { type ActorFixture, openFixture } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

const CALL = { type: "function_call", name: "look", arguments: "{}", call_id: "call_1" };
const OUTPUT = { type: "function_call_output", call_id: "call_1", output: "seen" };
const COMMAND = { type: "commandExecution", id: "call_1", command: "ls", status: "inProgress" } as const;

function shown(phase: "started" | "completed", item: ThreadItem): ScriptStep {
  return { events: [{ type: "item_shown", phase, item }] };
}

/** A signal as words. */
function wordOf(signal: Signal): string {
  if (signal.type === "item_started" || signal.type === "item_completed") return `${signal.type} ${signal.item.type}`;
  return signal.type === "status_changed" ? `status ${signal.state}` : signal.type;
}

async function play(
  steps: readonly ScriptStep[],
): Promise<{ readonly signals: readonly Signal[]; readonly kinds: readonly string[] }> {
  fixture = await openFixture({ agent: scriptedAgent({ turns: [steps] }) });
  const thread = await fixture.manager.start();
  await (
    await thread.startTurn("go")
  ).completed;
  return { signals: fixture.signals(thread.id), kinds: await fixture.kinds(thread.id) };
}

describe("usage", () => {
  test("is told once its record is durable, after the last item and before the turn's end", async () => {
    const recorded: number[] = [];
    fixture = await openFixture({
      agent: scriptedAgent({
        turns: [[{ say: "hi" }, { usage: { input_tokens: 7, output_tokens: 3 }, contextWindow: 99 }]],
      }),
      onEvent: (event) => {
        if (event.type !== "signal") return;
        signals.push(event.signal);
        if (event.signal.type === "usage_updated") recorded.push(thread.snapshot().nextOrdinal);
      },
    });
    const signals: Signal[] = [];
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await turn.completed;
    expect(signals.map(wordOf).slice(-4)).toEqual([
      "item_completed agentMessage",
      "usage_updated",
      "status idle",
      "turn_completed",
    ]);
    const counts = {
      input_tokens: 7,
      cached_input_tokens: 0,
      output_tokens: 3,
      reasoning_output_tokens: 0,
      total_tokens: 10,
    };
    expect(signals.at(-3)).toEqual({
      type: "usage_updated",
      turnId: turn.turnId,
      usage: { total: counts, last: counts, modelContextWindow: 99 },
    });
    const kinds = await fixture.kinds(thread.id);
    expect(recorded).toEqual([kinds.length]);
  });

  test("of several requests in one append is told once, as the newest says it", async () => {
    const { signals } = await play([
      { usage: { input_tokens: 1 } },
      { usage: { input_tokens: 2 } },
      { item: OUTPUT },
      { usage: { input_tokens: 4 } },
    ]);
    const told = signals.flatMap((signal) => (signal.type === "usage_updated" ? [signal.usage] : []));
    expect(told.map(({ total, last }) => [total.input_tokens, last.input_tokens])).toEqual([
      [3, 2],
      [7, 4],
    ]);
  });

  test("of a tool's call is recorded and told before the tool is shown", async () => {
    const { signals, kinds } = await play([
      { item: CALL },
      { usage: { input_tokens: 5 } },
      shown("started", COMMAND),
      shown("completed", { ...COMMAND, status: "completed" }),
      { item: OUTPUT },
    ]);
    expect(signals.map(wordOf).slice(-5)).toEqual([
      "usage_updated",
      "item_started commandExecution",
      "item_completed commandExecution",
      "status idle",
      "turn_completed",
    ]);
    expect(kinds.slice(-4)).toEqual([
      "response_item",
      "event_msg:token_count",
      "response_item",
      "event_msg:task_complete",
    ]);
  });

  test("of a turn that fails or is compacted is told before its end", async () => {
    fixture = await openFixture({
      agent: scriptedAgent({
        turns: [
          [{ usage: { input_tokens: 1 } }, { fail: new Error("no") }],
          [{ say: "They talked." }, { usage: { input_tokens: 2 } }],
        ],
      }),
    });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("go")
    ).completed;
    expect(fixture.signals(thread.id).map(wordOf).slice(-3)).toEqual([
      "usage_updated",
      "status idle",
      "turn_completed",
    ]);
    await (
      await thread.compact()
    ).completed;
    expect(fixture.signals(thread.id).map(wordOf).slice(-6)).toEqual([
      "turn_started",
      "item_started contextCompaction",
      "usage_updated",
      "item_completed contextCompaction",
      "status idle",
      "turn_completed",
    ]);
  });

  test("of the echo agent comes with every answer, the same for the same words", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const totals: unknown[] = [];
    for (let round = 0; round < 2; round += 1) {
      const thread = await fixture.manager.start();
      await (
        await thread.startTurn("hello")
      ).completed;
      const told = fixture
        .signals(thread.id)
        .flatMap((signal) => (signal.type === "usage_updated" ? [signal.usage] : []));
      expect(told).toHaveLength(1);
      totals.push(told[0]?.total);
    }
    expect(totals[0]).toMatchObject({ input_tokens: 2, output_tokens: 3, total_tokens: 5 });
    expect(totals[1]).toEqual(totals[0]);
  });
});

describe("an item that is only shown", () => {
  test("is told as it is and recorded nowhere", async () => {
    const { signals, kinds } = await play([shown("started", COMMAND), shown("completed", { ...COMMAND, exitCode: 0 })]);
    expect(signals.slice(-4, -2)).toMatchObject([
      { type: "item_started", item: COMMAND },
      { type: "item_completed", item: { ...COMMAND, exitCode: 0 } },
    ]);
    expect(kinds.slice(-2)).toEqual(["event_msg:user_message", "event_msg:task_complete"]);
  });

  test.each<[string, object]>([
    ["no phase", { item: COMMAND }],
    ["a phase that is none", { phase: "half", item: COMMAND }],
    ["no item", { phase: "started" }],
    ["an item without a type", { phase: "started", item: { id: "x" } }],
    ["an item without an id", { phase: "started", item: { type: "commandExecution" } }],
    ["what JSON can't say", { phase: "started", item: { ...COMMAND, size: 1n } }],
  ])("with %s fails the turn", async (_title, event) => {
    const { signals } = await play([{ events: [{ type: "item_shown", ...event } as unknown as AgentEvent] }]);
    expect(signals.at(-1)).toMatchObject({ type: "turn_completed", turn: { status: "failed" } });
    expect(signals.map(wordOf)).not.toContain("item_started commandExecution");
  });

  test("in a compaction is not shown", async () => {
    fixture = await openFixture({
      agent: scriptedAgent({ turns: [[shown("started", COMMAND), { say: "They talked." }]] }),
    });
    const thread = await fixture.manager.start();
    await (
      await thread.compact()
    ).completed;
    expect(fixture.signals(thread.id).map(wordOf)).not.toContain("item_started commandExecution");
  });
});

describe("deltas of reasoning", () => {
  test("name the part of the summary they belong to", async () => {
    const deltas = [{ delta: "a" }, { delta: "b", summaryIndex: 1 }];
    const { signals } = await play([
      { events: deltas.map((part) => ({ type: "reasoning_delta", itemId: "rs", ...part }) as const) },
    ]);
    const told = signals.filter((signal) => signal.type === "reasoning_delta");
    expect(told.map(({ delta, summaryIndex }) => [delta, summaryIndex])).toEqual([
      ["a", undefined],
      ["b", 1],
    ]);
  });

  test("with a part that is no count fail the turn", async () => {
    const event = { type: "reasoning_delta", itemId: "rs", delta: "a", summaryIndex: -1 } as const;
    const { signals } = await play([{ events: [event] }]);
    expect(signals.at(-1)).toMatchObject({ turn: { status: "failed" } });
  });
});

describe("a review", () => {
  test("is marked before its turn starts, and shows its findings whole behind it", async () => {
    fixture = await openFixture({
      agent: scriptedAgent({ turns: [[{ reason: "looking" }, { say: "Fine." }, { usage: { input_tokens: 3 } }]] }),
    });
    const thread = await fixture.manager.start();
    await (
      await thread.review({ type: "custom", instructions: "look at it" })
    ).completed;
    const signals = fixture.signals(thread.id);
    expect(signals.map(wordOf)).toEqual([
      "item_started enteredReviewMode",
      "item_completed enteredReviewMode",
      "status reviewing",
      "turn_started",
      "item_started userMessage",
      "item_completed userMessage",
      "item_started reasoning",
      "reasoning_delta",
      "item_completed reasoning",
      // As Codex has it: the reviewer's own message is begun, and the findings are what comes of it.
      "item_started agentMessage",
      "usage_updated",
      "item_started exitedReviewMode",
      "item_completed exitedReviewMode",
      "item_started agentMessage",
      "item_completed agentMessage",
      "status idle",
      "turn_completed",
    ]);
    expect(signals.at(-3)).toMatchObject({ item: { id: "review_rollout_assistant", text: "Fine." } });
    expect(signals.at(-5)).toMatchObject({ item: { review: "Fine." } });
  });

  test("that fails leaves review mode for those who watch", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ fail: new Error("no") }]] }) });
    const thread = await fixture.manager.start();
    await (
      await thread.review({ type: "uncommittedChanges" })
    ).completed;
    expect(fixture.signals(thread.id).slice(-4)).toMatchObject([
      { type: "item_started", item: { type: "exitedReviewMode" } },
      { type: "item_completed", item: { review: "Reviewer failed to output a response." } },
      { type: "status_changed" },
      { type: "turn_completed" },
    ]);
  });

  test("is running for nobody before it is marked", async () => {
    const statuses: unknown[] = [];
    fixture = await openFixture({
      agent: scriptedAgent({ turns: [[{ say: "Fine." }]] }),
      onEvent: (event) => {
        if (event.type === "signal") statuses.push([wordOf(event.signal), thread.status().type]);
      },
    });
    const thread = await fixture.manager.start();
    await (
      await thread.review({ type: "uncommittedChanges" })
    ).completed;
    expect(statuses.slice(0, 4)).toEqual([
      ["item_started enteredReviewMode", "idle"],
      ["item_completed enteredReviewMode", "idle"],
      ["status reviewing", "active"],
      ["turn_started", "active"],
    ]);
    expect(statuses.at(-2)).toEqual(["status idle", "idle"]);
  });
});

describe("a turn that failed", () => {
  test.each<[object, unknown]>([
    [{ status: 500 }, "internalServerError"],
    [{ status: 400 }, "badRequest"],
    [{ status: 401 }, "unauthorized"],
    [{ status: 429 }, { responseTooManyFailedAttempts: { httpStatusCode: 429 } }],
    [{ status: 400, errorCode: "context_length_exceeded" }, "contextWindowExceeded"],
    [{ status: null, errorCode: "server_is_overloaded" }, "serverOverloaded"],
    [{ status: null, errorCode: "toString" }, "other"],
    [{}, "other"],
  ])("for %j says why in the words of the wire", async (data, codexErrorInfo) => {
    const failure = fault("agent_failed", "no", { data: data as Record<string, string> });
    const { signals } = await play([{ fail: failure }]);
    expect(signals.at(-1)).toMatchObject({
      type: "turn_completed",
      turn: { status: "failed", error: { message: "no", codexErrorInfo, additionalDetails: null } },
    });
  });
});
