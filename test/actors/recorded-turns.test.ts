/**
 * What a turn leaves in the log: which records, in which order, in which batches. This is the golden
 * order of Codex's rollouts; other readers rely on it.
 */
import { afterEach, describe, expect, test } from "vitest";

import { echoAgent, scriptedAgent } from "../../src/actors/index.ts";
import type { StoreEvent } from "../../src/store/index.ts";
import { type ActorFixture, eventsOf, kindOf, openFixture, STORE_KINDS } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

function batchesOf(store: ActorFixture["store"]): string[][] {
  const batches: string[][] = [];
  store.subscribe((event: StoreEvent) => {
    if (event.type === "appended") batches.push(event.records.map(({ item }) => kindOf(item)));
  });
  return batches;
}

describe.each(STORE_KINDS)("a turn in a %s store", (kind) => {
  test("is recorded in three batches: its start, the answer, usage and end", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const batches = batchesOf(fixture.store);
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("hello");
    await turn.completed;
    expect(batches.flat()).toEqual([
      "session_meta",
      "event_msg:task_started",
      "turn_context",
      "response_item",
      "event_msg:user_message",
      "event_msg:agent_message",
      "response_item",
      "event_msg:token_count",
      "event_msg:task_complete",
    ]);
    expect(batches.slice(-2)).toEqual([
      ["event_msg:agent_message", "response_item"],
      ["event_msg:token_count", "event_msg:task_complete"],
    ]);
    expect(batches.slice(0, -2).flat()).toHaveLength(5);
  });

  test("names its turn, times and settings in the records", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("hello", { model: "m-1", effort: "low", cwd: "/elsewhere" });
    await turn.completed;
    const [meta, started, context, said, shown] = (await fixture.records(thread.id)).map(({ item }) => item);
    const startedAt = Math.floor(fixture.clock.nowMs() / 1000);
    expect(meta).toMatchObject({ payload: { id: thread.id, cwd: "/srv/ws", source: "vscode" } });
    expect(started).toEqual({
      type: "event_msg",
      payload: {
        type: "task_started",
        turn_id: turn.turnId,
        started_at: startedAt,
        model_context_window: null,
        collaboration_mode_kind: "default",
      },
    });
    expect(context).toEqual({
      type: "turn_context",
      payload: { turn_id: turn.turnId, cwd: "/elsewhere", model: "m-1", agent: "echo", effort: "low" },
    });
    expect(said).toEqual({
      type: "response_item",
      payload: { type: "message", role: "user", content: [{ type: "input_text", text: "hello" }] },
    });
    expect(shown).toEqual({
      type: "event_msg",
      payload: { type: "user_message", message: "hello", images: [], local_images: [], text_elements: [] },
    });
    const records = await fixture.records(thread.id);
    expect(eventsOf(records, "task_complete")).toEqual([
      {
        type: "task_complete",
        turn_id: turn.turnId,
        last_agent_message: "Echo: hello",
        completed_at: startedAt,
        duration_ms: 0,
      },
    ]);
  });
});

describe("the records of a turn", () => {
  test("reasoning shows each summary, then the item; a call and its output are items alone", async () => {
    const call = {
      type: "function_call",
      name: "look",
      arguments: "{}",
      call_id: "c1",
      id: "fc_1",
      status: "completed",
    };
    const output = { type: "function_call_output", call_id: "c1", output: "seen" };
    fixture = await openFixture({
      agent: scriptedAgent({ turns: [[{ reason: "hm" }, { item: call }, { item: output }, { say: "ok" }]] }),
    });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("go")
    ).completed;
    const records = await fixture.records(thread.id);
    expect((await fixture.kinds(thread.id)).slice(5)).toEqual([
      "event_msg:agent_reasoning",
      "response_item",
      "response_item",
      "response_item",
      "event_msg:agent_message",
      "response_item",
      "event_msg:task_complete",
    ]);
    // The answer's own id and status mean nothing to a later request.
    expect(records[7]?.item).toEqual({
      type: "response_item",
      payload: { type: "function_call", name: "look", arguments: "{}", call_id: "c1" },
    });
  });

  test("usage is added up over requests and turns", async () => {
    const usage = { input_tokens: 100, cached_input_tokens: 10, output_tokens: 20, reasoning_output_tokens: 5 };
    fixture = await openFixture({
      agent: scriptedAgent({
        turns: [[{ say: "a" }, { usage, contextWindow: 1000 }, { say: "b" }, { usage, contextWindow: 1000 }]],
        otherwise: [{ say: "c" }, { usage }],
      }),
    });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("one")
    ).completed;
    await (
      await thread.startTurn("two")
    ).completed;
    const totals = eventsOf(await fixture.records(thread.id), "token_count").map((event) => event["info"]);
    expect(totals).toMatchObject([
      { total_token_usage: { total_tokens: 120 }, last_token_usage: { total_tokens: 120 }, model_context_window: 1000 },
      { total_token_usage: { total_tokens: 240, input_tokens: 200, reasoning_output_tokens: 10 } },
      { total_token_usage: { total_tokens: 360 }, model_context_window: null },
    ]);
  });

  test("a display event is recorded when the policy keeps its kind, and shown as its item", async () => {
    const kept = { type: "web_search_end", call_id: "ws_1", query: "cats", action: { type: "search", query: "cats" } };
    const dropped = { type: "exec_command_begin", call_id: "x" };
    fixture = await openFixture({
      agent: scriptedAgent({
        turns: [
          [
            {
              events: [
                { type: "event", event: dropped },
                { type: "event", event: kept },
              ],
            },
            { say: "found" },
          ],
        ],
      }),
    });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("search")
    ).completed;
    expect(await fixture.kinds(thread.id)).toContain("event_msg:web_search_end");
    expect(await fixture.kinds(thread.id)).not.toContain("event_msg:exec_command_begin");
    expect(fixture.signals(thread.id)).toContainEqual(
      expect.objectContaining({
        type: "item_completed",
        item: expect.objectContaining({ type: "webSearch", id: "ws_1" }),
      }),
    );
  });

  test("images and elements of texts are kept for the display, the model gets their parts", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const element = { byteRange: { start: 0, end: 2 }, placeholder: "@a" };
    const turn = await thread.startTurn([
      { type: "text", text: "é" },
      { type: "text", text: "@a", text_elements: [element] },
      { type: "image", url: "data:image/png;base64,AA" },
      { type: "localImage", path: "/srv/px.png" },
    ]);
    const completed = await turn.completed;
    const records = await fixture.records(thread.id);
    expect(eventsOf(records, "user_message")).toEqual([
      {
        type: "user_message",
        message: "é@a",
        images: ["data:image/png;base64,AA"],
        local_images: ["/srv/px.png"],
        text_elements: [{ byte_range: { start: 2, end: 4 }, placeholder: "@a" }],
      },
    ]);
    expect(completed.items[0]).toMatchObject({
      content: [
        { type: "text", text: "é@a", text_elements: [{ byteRange: { start: 2, end: 4 }, placeholder: "@a" }] },
        { type: "image" },
        { type: "localImage" },
      ],
    });
    expect(records[3]?.item).toMatchObject({
      payload: {
        content: [
          { type: "input_text", text: "é" },
          { type: "input_text", text: "@a" },
          { type: "input_image", image_url: "data:image/png;base64,AA" },
          { type: "input_text", text: '<image path="/srv/px.png">' },
        ],
      },
    });
  });

  test("settings of a turn stick for the later ones, also after a resume", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const first = await fixture.manager.start({ instructions: "be brief" });
    await (
      await first.startTurn("one", { model: "m-2" })
    ).completed;
    await first.close();
    const second = await fixture.manager.resume(first.id);
    await (
      await second.startTurn("two")
    ).completed;
    await (
      await second.startTurn("three", { model: "m-3" })
    ).completed;
    const contexts = (await fixture.records(first.id)).flatMap(({ item }) =>
      item.type === "turn_context" ? [[item.payload.model, item.payload["instructions"]]] : [],
    );
    expect(contexts).toEqual([
      ["m-2", "be brief"],
      ["m-2", "be brief"],
      ["m-3", "be brief"],
    ]);
  });
});
