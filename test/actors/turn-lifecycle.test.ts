/**
 * A turn from its start to its end, as a caller sees it: what is refused, what is promised, and that
 * signals follow what is durable.
 */
import { afterEach, describe, expect, test } from "vitest";

import { echoAgent, scriptedAgent } from "../../src/actors/index.ts";
import { LIMITS } from "../../src/base/index.ts";
import { type ActorFixture, gate, openFixture, STORE_KINDS } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

describe.each(STORE_KINDS)("a turn on a %s store", (kind) => {
  test("answers, ends as completed, and shows its items", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("hello");
    const ended = await turn.completed;
    expect(ended).toMatchObject({
      id: turn.turnId,
      status: "completed",
      error: null,
      items: [
        { type: "userMessage", content: [{ type: "text", text: "hello" }] },
        { type: "agentMessage", text: "Echo: hello" },
      ],
    });
    expect(thread.snapshot()).toMatchObject({
      state: "idle",
      activeTurnId: null,
      thread: { preview: "hello", turns: [{ id: turn.turnId }] },
    });
  });

  test("gives the agent the whole conversation, the new input last", async () => {
    const agent = scriptedAgent({ turns: [[{ say: "one" }], [{ say: "two" }]] });
    fixture = await openFixture({ kind, agent });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("first")
    ).completed;
    await (
      await thread.startTurn("second")
    ).completed;
    const texts = agent.requests[1]?.context.map((item) => JSON.stringify(item["content"]));
    expect(texts).toEqual([
      expect.stringContaining("first"),
      expect.stringContaining("one"),
      expect.stringContaining("second"),
    ]);
    expect(agent.requests[1]).toMatchObject({ task: "turn", threadId: thread.id, settings: { cwd: "/srv/ws" } });
    expect(thread.modelContext()).toHaveLength(4);
  });

  test("is interrupted at once, and reads back so", async () => {
    fixture = await openFixture({ kind, agent: scriptedAgent({ turns: [[{ say: "half" }, { untilAborted: true }]] }) });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    const ended = await thread.interrupt(turn.turnId);
    expect(ended.status).toBe("interrupted");
    expect(await turn.completed).toEqual(ended);
    expect((await fixture.kinds(thread.id)).slice(-2)).toEqual(["response_item", "event_msg:turn_aborted"]);
    const stored = await fixture.store.listTurns({ threadId: thread.id });
    expect(stored.data).toMatchObject([{ id: turn.turnId, status: "interrupted" }]);
  });

  test("that the agent fails reads back as failed, and the thread goes on", async () => {
    fixture = await openFixture({
      kind,
      agent: scriptedAgent({ turns: [[{ say: "half" }, { fail: new Error("no more tokens") }]] }),
    });
    const thread = await fixture.manager.start();
    const ended = await (await thread.startTurn("go")).completed;
    expect(ended).toMatchObject({ status: "failed", error: { message: "no more tokens", codexErrorInfo: "other" } });
    expect(thread.snapshot()).toMatchObject({ state: "idle", thread: { status: { type: "systemError" } } });
    expect((await fixture.kinds(thread.id)).slice(-2)).toEqual(["event_msg:error", "event_msg:task_complete"]);
    const next = await (await thread.startTurn("again")).completed;
    expect(next.status).toBe("completed");
    expect(thread.snapshot().thread.status).toEqual({ type: "idle" });
  });
});

describe("what a turn refuses", () => {
  test("empty input, at once and with nothing recorded", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const blank = [
      { type: "text", text: " \n" },
      { type: "text", text: "" },
    ] as const;
    for (const input of ["", "  \n ", [], blank]) {
      await expect(thread.startTurn(input)).rejects.toMatchObject({ code: "empty_input" });
    }
    expect(thread.snapshot().nextOrdinal).toBe(0);
  });

  test("more characters than a turn may have, with both numbers", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const text = "x".repeat(LIMITS.inputCharsMax + 1);
    await expect(thread.startTurn(text)).rejects.toMatchObject({
      code: "invalid_argument",
      data: { chars: LIMITS.inputCharsMax + 1, charsMax: LIMITS.inputCharsMax },
    });
  });

  test("parts that are none, and settings that are blank", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const odd = [{ type: "smell", text: "x" }] as unknown as string;
    await expect(thread.startTurn(odd)).rejects.toMatchObject({ code: "invalid_argument" });
    const lacking = [{ type: "image" }] as unknown as string;
    await expect(thread.startTurn(lacking)).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(thread.startTurn("hi", { model: " " })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("an image without words is input", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn([{ type: "image", url: "data:image/png;base64,AA" }]);
    expect((await turn.completed).status).toBe("completed");
    expect(thread.snapshot().thread.preview).toBe("[Image]");
  });

  test("a second turn while one runs, naming the one that runs", async () => {
    const held = gate();
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ waitFor: held.opened }, { say: "x" }]] }) });
    const thread = await fixture.manager.start();
    const first = await thread.startTurn("one");
    await expect(thread.startTurn("two")).rejects.toMatchObject({
      code: "turn_running",
      data: { activeTurnId: first.turnId },
    });
    await expect(thread.compact()).rejects.toMatchObject({ code: "turn_running" });
    await expect(thread.review({ type: "uncommittedChanges" })).rejects.toMatchObject({ code: "turn_running" });
    await expect(thread.rollback(1)).rejects.toMatchObject({ code: "turn_running" });
    await expect(thread.revert(first.turnId)).rejects.toMatchObject({ code: "turn_running" });
    held.open();
    expect((await first.completed).status).toBe("completed");
    expect(thread.snapshot().thread.turns).toHaveLength(1);
  });

  test("of two turns started at once one runs, and the other is told which", async () => {
    const held = gate();
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ waitFor: held.opened }]] }) });
    const thread = await fixture.manager.start();
    const [first, second] = await Promise.allSettled([thread.startTurn("one"), thread.startTurn("two")]);
    expect(first.status).toBe("fulfilled");
    expect(second).toMatchObject({ status: "rejected", reason: { code: "turn_running" } });
    held.open();
  });

  test("interrupts and steers of a turn that doesn't run", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ untilAborted: true }]] }) });
    const thread = await fixture.manager.start();
    await expect(thread.interrupt("t-1")).rejects.toMatchObject({ code: "no_turn_running" });
    await expect(thread.steer("t-1", "x")).rejects.toMatchObject({ code: "no_turn_running" });
    const turn = await thread.startTurn("go");
    const mismatch = { code: "turn_mismatch", data: { expectedTurnId: "t-1", activeTurnId: turn.turnId } };
    await expect(thread.interrupt("t-1")).rejects.toMatchObject(mismatch);
    await expect(thread.steer("t-1", "x")).rejects.toMatchObject(mismatch);
    await expect(thread.steer(turn.turnId, " ")).rejects.toMatchObject({ code: "empty_input" });
    await thread.interrupt(turn.turnId);
  });
});

describe("signals of a turn", () => {
  test("come in order, and what is announced as complete is in the log by then", async () => {
    const logged: Record<string, number> = {};
    fixture = await openFixture({ agent: echoAgent({ chunkChars: 6 }), onEvent: (event) => seen(event) });
    const told: string[] = [];
    const thread = await fixture.manager.start();
    function seen(event: Parameters<NonNullable<Parameters<typeof openFixture>[0]["onEvent"]>>[0]): void {
      if (event.type !== "signal") return;
      const { signal } = event;
      const what = signal.type === "item_started" || signal.type === "item_completed" ? `:${signal.item.type}` : "";
      const state = signal.type === "status_changed" ? `:${signal.state}` : "";
      told.push(`${signal.type}${what}${state}`);
      logged[told.at(-1) ?? ""] = thread.snapshot().nextOrdinal;
    }
    await (
      await thread.startTurn("hello")
    ).completed;
    expect(told).toEqual([
      "status_changed:turnRunning",
      "turn_started",
      "item_started:userMessage",
      "item_completed:userMessage",
      "item_started:agentMessage",
      "text_delta",
      "text_delta",
      "item_completed:agentMessage",
      "usage_updated",
      "status_changed:idle",
      "turn_completed",
    ]);
    expect(logged).toMatchObject({
      turn_started: 5,
      "item_completed:userMessage": 5,
      text_delta: 5,
      "item_completed:agentMessage": 7,
      turn_completed: 9,
    });
  });

  test("an item keeps the agent's id from its start over its deltas to its end", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ reason: "hm" }, { say: "yes" }]] }) });
    const thread = await fixture.manager.start();
    await (
      await thread.startTurn("?")
    ).completed;
    const ids = fixture.signals(thread.id).flatMap((signal) => {
      if (signal.type === "text_delta" || signal.type === "reasoning_delta") return [`${signal.type} ${signal.itemId}`];
      if (signal.type !== "item_started" && signal.type !== "item_completed") return [];
      return signal.item.type === "userMessage" ? [] : [`${signal.type} ${signal.item.id}`];
    });
    const turnId = thread.snapshot().thread.turns[0]?.id;
    expect(ids).toEqual([
      `item_started item_${turnId}_0`,
      `reasoning_delta item_${turnId}_0`,
      `item_completed item_${turnId}_0`,
      `item_started item_${turnId}_1`,
      `text_delta item_${turnId}_1`,
      `item_completed item_${turnId}_1`,
    ]);
  });

  test("a listener that throws hurts nobody", async () => {
    fixture = await openFixture({
      agent: echoAgent(),
      onEvent: () => {
        throw new Error("listener");
      },
    });
    const thread = await fixture.manager.start();
    expect((await (await thread.startTurn("hello")).completed).status).toBe("completed");
  });
});

describe("items without a turn", () => {
  test("are added to the model's history and make no turn", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const item = { type: "message", role: "user", content: [{ type: "input_text", text: "by the way" }] };
    await thread.injectItems([item]);
    expect(thread.modelContext()).toEqual([item]);
    expect(thread.snapshot().thread.turns).toEqual([]);
    expect(await fixture.kinds(thread.id)).toEqual(["session_meta", "response_item"]);
  });

  test("are refused when there are none, too many, or without a type", async () => {
    fixture = await openFixture({ agent: echoAgent() });
    const thread = await fixture.manager.start();
    const many = Array.from({ length: LIMITS.appendItemsMax + 1 }, () => ({ type: "message" }));
    for (const items of [[], many, [42], [{}]] as unknown as { type: string }[][]) {
      await expect(thread.injectItems(items)).rejects.toMatchObject({ code: "invalid_argument" });
    }
  });
});
