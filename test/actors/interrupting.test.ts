/**
 * Interrupting at each point of a turn, and steering input into it: exactly one end is recorded, and
 * nothing the agent yields after the abort.
 */
import { afterEach, describe, expect, test } from "vitest";

import { scriptedAgent, type ScriptStep, type ThreadHandle } from "../../src/actors/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { faultyThreadStore } from "../support/faulty-thread-store.ts";
import { type ActorFixture, eventsOf, fixtureOver, gate, openFixture, until } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

describe("an interrupt", () => {
  const points: readonly (readonly [string, readonly ScriptStep[]])[] = [
    ["before the first event", []],
    [
      "while a message streams",
      [
        {
          events: [
            { type: "item_started", itemId: "m", kind: "agentMessage" },
            { type: "text_delta", itemId: "m", delta: "pa" },
          ],
        },
      ],
    ],
    ["after an item", [{ say: "done with this" }]],
    ["after usage that no append took yet", [{ say: "x" }, { usage: { input_tokens: 7 } }]],
    ["between a call and its output", [{ item: { type: "function_call", name: "f", arguments: "{}", call_id: "c" } }]],
  ];

  test.each(points)("%s ends the turn once, as interrupted", async (_point, steps) => {
    const held = gate();
    const reached = gate();
    const agent = scriptedAgent({
      turns: [
        () => [...steps, { waitFor: Promise.resolve(reached.open()) }, { waitFor: held.opened }, { say: "late" }],
      ],
    });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await reached.opened;
    const ended = await thread.interrupt(turn.turnId);
    held.open();
    expect(ended.status).toBe("interrupted");
    const records = await fixture.records(thread.id);
    expect(eventsOf(records, "turn_aborted")).toMatchObject([{ turn_id: turn.turnId, reason: "interrupted" }]);
    expect(eventsOf(records, "task_complete")).toEqual([]);
    expect(JSON.stringify(records)).not.toContain("late");
    expect(JSON.stringify(thread.modelContext().at(-1))).toContain("<turn_aborted>");
    expect(thread.snapshot()).toMatchObject({ state: "idle", activeTurnId: null });
  });

  test("does not wait for an agent that ignores its signal", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ hang: true }]] }) });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    expect((await thread.interrupt(turn.turnId)).status).toBe("interrupted");
    expect((await (await thread.startTurn("next")).completed).status).toBe("completed");
  });

  test("while an item is being recorded keeps the item and then ends the turn", async () => {
    const store = faultyThreadStore(createMemoryThreadStore());
    const held = gate();
    fixture = fixtureOver(
      { store, close: () => store.close() },
      { agent: scriptedAgent({ turns: [[{ say: "kept" }, { untilAborted: true }]] }) },
    );
    const thread = await fixture.manager.start();
    store.planAppend(2, { type: "hold", until: held.opened });
    const turn = await thread.startTurn("go");
    await until(() => store.appendCount === 2);
    const interrupted = thread.interrupt(turn.turnId);
    held.open();
    expect((await interrupted).items).toMatchObject([{ type: "userMessage" }, { type: "agentMessage", text: "kept" }]);
  });

  test("that meets the turn's end gives the turn as it ended", async () => {
    const store = faultyThreadStore(createMemoryThreadStore());
    const held = gate();
    fixture = fixtureOver(
      { store, close: () => store.close() },
      { agent: scriptedAgent({ turns: [[{ say: "all" }]] }) },
    );
    const thread = await fixture.manager.start();
    store.planAppend(3, { type: "hold", until: held.opened });
    const turn = await thread.startTurn("go");
    await until(() => store.appendCount === 3);
    const interrupted = thread.interrupt(turn.turnId);
    const steered = thread.steer(turn.turnId, "too late");
    held.open();
    expect((await interrupted).status).toBe("completed");
    await expect(steered).rejects.toMatchObject({ code: "no_turn_running" });
  });
});

describe("steering", () => {
  test("into a turn whose end is being recorded is refused: it would belong to no turn", async () => {
    const store = faultyThreadStore(createMemoryThreadStore());
    const held = gate();
    fixture = fixtureOver(
      { store, close: () => store.close() },
      { agent: scriptedAgent({ turns: [[{ say: "all" }]] }) },
    );
    const thread = await fixture.manager.start();
    store.planAppend(3, { type: "hold", until: held.opened });
    const turn = await thread.startTurn("go");
    await until(() => store.appendCount === 3);
    await expect(thread.steer(turn.turnId, "too late")).rejects.toMatchObject({ code: "no_turn_running" });
    held.open();
    expect((await turn.completed).items).toHaveLength(2);
    expect(thread.snapshot().thread.turns).toHaveLength(1);
  });

  test.each([
    ["a turn", (thread: ThreadHandle) => thread.startTurn("next")],
    ["a review", (thread: ThreadHandle) => thread.review({ type: "uncommittedChanges" })],
    ["a compaction", (thread: ThreadHandle) => thread.compact()],
  ])("is not needed behind it: %s that is asked for meanwhile begins when it has ended", async (_, begin) => {
    const store = faultyThreadStore(createMemoryThreadStore());
    const held = gate();
    fixture = fixtureOver({ store, close: () => store.close() }, { agent: scriptedAgent({ turns: [] }) });
    const thread = await fixture.manager.start();
    store.planAppend(3, { type: "hold", until: held.opened });
    const turn = await thread.startTurn("go");
    await until(() => store.appendCount === 3);
    const begun = begin(thread);
    held.open();
    const next = await begun;
    expect(await turn.completed).toMatchObject({ status: "completed", id: turn.turnId });
    expect(await next.completed).toMatchObject({ status: "completed", id: next.turnId });
  });

  test("is recorded, shown, and answered in the same turn", async () => {
    const held = gate();
    const agent = scriptedAgent({ turns: [[{ waitFor: held.opened }, { answerSteering: true }]] });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await thread.steer(turn.turnId, "and faster");
    await thread.steer(turn.turnId, [{ type: "text", text: "and quieter" }]);
    held.open();
    const ended = await turn.completed;
    expect(ended.items).toMatchObject([
      { type: "userMessage", content: [{ text: "go" }] },
      { type: "userMessage", content: [{ text: "and faster" }] },
      { type: "userMessage", content: [{ text: "and quieter" }] },
      { type: "agentMessage", text: "Steered: and faster" },
      { type: "agentMessage", text: "Steered: and quieter" },
    ]);
    expect(agent.requests[0]?.steered.map(({ item }) => item["role"])).toEqual(["user", "user"]);
    const shown = fixture.signals(thread.id).filter((signal) => signal.type === "item_completed");
    expect(shown.filter((signal) => signal.item.type === "userMessage")).toHaveLength(3);
  });

  test("that no agent took is in the context of the next turn", async () => {
    const held = gate();
    const agent = scriptedAgent({ turns: [[{ waitFor: held.opened }], [{ say: "now I see" }]] });
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    await thread.steer(turn.turnId, "remember this");
    held.open();
    await turn.completed;
    await (
      await thread.startTurn("next")
    ).completed;
    expect(JSON.stringify(agent.requests[1]?.context)).toContain("remember this");
  });

  test("is bounded when the agent takes none", async () => {
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ untilAborted: true }]] }) });
    const thread = await fixture.manager.start();
    const turn = await thread.startTurn("go");
    for (let count = 0; count < 64; count += 1) await thread.steer(turn.turnId, `s${count}`);
    await expect(thread.steer(turn.turnId, "one more")).rejects.toMatchObject({ code: "mailbox_full" });
    await thread.interrupt(turn.turnId);
  });

  test("a review or a compaction is refused", async () => {
    fixture = await openFixture({
      agent: scriptedAgent({ turns: [[{ untilAborted: true }], [{ untilAborted: true }]] }),
    });
    const thread = await fixture.manager.start();
    const review = await thread.review({ type: "uncommittedChanges" });
    await expect(thread.steer(review.turnId, "x")).rejects.toMatchObject({
      code: "turn_not_steerable",
      data: { turnId: review.turnId, task: "review" },
    });
    await thread.interrupt(review.turnId);
    const compaction = await thread.compact();
    await expect(thread.steer(compaction.turnId, "x")).rejects.toMatchObject({ code: "turn_not_steerable" });
    await thread.interrupt(compaction.turnId);
  });
});

describe("an agent that misbehaves", () => {
  test("fails its turn when it yields what only the thread records", async () => {
    const event = { type: "task_complete", turn_id: "x" };
    fixture = await openFixture({ agent: scriptedAgent({ turns: [[{ events: [{ type: "event", event }] }]] }) });
    const thread = await fixture.manager.start();
    const ended = await (await thread.startTurn("go")).completed;
    expect(ended).toMatchObject({ status: "failed", error: { message: expect.stringContaining("task_complete") } });
  });

  test("fails its turn with an item that can't be recorded, and the thread goes on", async () => {
    const odd = [
      { type: "item", item: { type: "message", role: 7 } },
      { type: "item", item: { nothing: 1 } },
    ] as never[];
    fixture = await openFixture({ agent: scriptedAgent({ turns: odd.map((event) => [{ events: [event] }]) }) });
    const thread = await fixture.manager.start();
    expect((await (await thread.startTurn("one")).completed).status).toBe("failed");
    expect((await (await thread.startTurn("two")).completed).status).toBe("failed");
    expect((await (await thread.startTurn("three")).completed).status).toBe("completed");
  });

  test("fails its turn when run throws before it gives anything", async () => {
    const agent = {
      name: "broken",
      provider: null,
      defaultModel: "m",
      run: (): never => {
        throw new Error("no model");
      },
    };
    fixture = await openFixture({ agent });
    const thread = await fixture.manager.start();
    const ended = await (await thread.startTurn("go")).completed;
    expect(ended).toMatchObject({ status: "failed", error: { message: "no model" } });
  });
});
