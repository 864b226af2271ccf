/**
 * Forks, rollbacks and reverts through the manager: parent and copy never influence each other, and a
 * turn that still runs in the source is interrupted in the copy alone.
 */
import { afterEach, describe, expect, test } from "vitest";

import { echoAgent, scriptedAgent, type ThreadHandle } from "../../src/actors/index.ts";
import { type ActorFixture, gate, openFixture, STORE_KINDS } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

async function runTurns(thread: ThreadHandle, texts: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const text of texts) {
    const turn = await thread.startTurn(text);
    await turn.completed;
    ids.push(turn.turnId);
  }
  return ids;
}

function turnIds(thread: ThreadHandle): readonly string[] {
  return thread.snapshot().thread.turns.map(({ id }) => id);
}

describe.each(STORE_KINDS)("a fork on a %s store", (kind) => {
  test.each([true, false])("of the whole thread (loaded: %s) has its turns and goes its own way", async (isLoaded) => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const source = await manager.start({ cwd: "/srv/own", memoryMode: "disabled" });
    const ids = await runTurns(source, ["one", "two"]);
    const before = await fixture.records(source.id);
    if (!isLoaded) await source.close();
    const fork = await manager.fork(source.id);
    expect(fork.id).not.toBe(source.id);
    expect(turnIds(fork)).toEqual(ids);
    expect(fork.snapshot().thread).toMatchObject({
      forkedFromId: source.id,
      cwd: "/srv/own",
      preview: "one",
      name: null,
    });
    expect(fork.modelContext()).toHaveLength(4);
    await runTurns(fork, ["three"]);
    expect(await fixture.records(source.id)).toEqual(before);
    const again = await manager.resume(source.id);
    expect(turnIds(again)).toEqual(ids);
    expect((await fixture.store.readThread({ threadId: fork.id })).memoryMode).toBe("disabled");
  });

  test("before a turn leaves it and all after it out, for the model too", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const source = await manager.start();
    const ids = await runTurns(source, ["one", "two", "three"]);
    const fork = await manager.fork(source.id, { beforeTurnId: ids[1] ?? "" });
    expect(turnIds(fork)).toEqual(ids.slice(0, 1));
    expect(JSON.stringify(fork.modelContext())).not.toContain("two");
    const empty = await manager.fork(source.id, { beforeTurnId: ids[0] ?? "" });
    expect(turnIds(empty)).toEqual([]);
    expect(empty.modelContext()).toEqual([]);
    await expect(manager.fork(source.id, { beforeTurnId: "nope" })).rejects.toMatchObject({ code: "turn_not_found" });
  });

  test("of a turn that runs is interrupted in the copy; the source goes on", async () => {
    const held = gate();
    fixture = await openFixture({
      kind,
      agent: scriptedAgent({ turns: [[{ say: "half" }, { waitFor: held.opened }, { say: "whole" }]] }),
    });
    const source = await fixture.manager.start();
    const turn = await source.startTurn("go");
    while (source.snapshot().thread.turns[0]?.items.length !== 2) await new Promise((resolve) => setImmediate(resolve));
    const fork = await fixture.manager.fork(source.id);
    expect(fork.snapshot()).toMatchObject({
      state: "idle",
      thread: {
        turns: [
          {
            id: turn.turnId,
            status: "interrupted",
            items: [{ type: "userMessage" }, { type: "agentMessage", text: "half" }],
          },
        ],
      },
    });
    expect((await fixture.kinds(fork.id)).slice(-2)).toEqual(["response_item", "event_msg:turn_aborted"]);
    expect(source.snapshot()).toMatchObject({ state: "turnRunning", activeTurnId: turn.turnId });
    held.open();
    expect((await turn.completed).status).toBe("completed");
    expect(fork.snapshot().thread.turns[0]?.status).toBe("interrupted");
  });

  test("of a fork before a turn of the first source finds it", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const source = await manager.start();
    const ids = await runTurns(source, ["one", "two"]);
    const fork = await manager.fork(source.id);
    await runTurns(fork, ["three"]);
    const second = await manager.fork(fork.id, { beforeTurnId: ids[1] ?? "" });
    expect(turnIds(second)).toEqual(ids.slice(0, 1));
    expect(second.snapshot().thread.forkedFromId).toBe(fork.id);
  });

  test("has its own settings where they are given, and the source's otherwise", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    const source = await manager.start();
    await (
      await source.startTurn("one", { model: "m-1", effort: "high" })
    ).completed;
    const same = await manager.fork(source.id);
    await runTurns(same, ["two"]);
    const other = await manager.fork(source.id, { cwd: "/other", model: "m-2" });
    await runTurns(other, ["two"]);
    expect((await fixture.store.readThread({ threadId: same.id })).model).toBe("m-1");
    expect(await fixture.store.readThread({ threadId: other.id })).toMatchObject({ model: "m-2", cwd: "/other" });
  });

  test("of what isn't there, or has no records yet, is refused", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const { manager } = fixture;
    await expect(manager.fork("01a20233-2e58-7271-bc33-3f3cb8230a0d")).rejects.toMatchObject({
      code: "thread_not_found",
    });
    await expect(manager.fork("nope")).rejects.toMatchObject({ code: "invalid_thread_id" });
    const fresh = await manager.start();
    await expect(manager.fork(fresh.id)).rejects.toMatchObject({ code: "thread_not_materialized" });
  });
});

describe.each(STORE_KINDS)("going back on a %s store", (kind) => {
  test("drops the last turns for people and the model, and the log only grows", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    const ids = await runTurns(thread, ["one", "two", "three"]);
    const before = thread.snapshot().nextOrdinal;
    const snapshot = await fixture.manager.rollback(thread.id, 2);
    expect(snapshot.thread.turns.map(({ id }) => id)).toEqual(ids.slice(0, 1));
    expect(snapshot.nextOrdinal).toBe(before + 1);
    expect(thread.modelContext()).toHaveLength(2);
    expect((await fixture.records(thread.id)).at(-1)?.item).toMatchObject({
      payload: { type: "thread_rolled_back", num_turns: 2 },
    });
    const more = await thread.rollback(10_000_000_000);
    expect(more.thread.turns).toEqual([]);
    expect((await fixture.records(thread.id)).at(-1)?.item).toMatchObject({ payload: { num_turns: 4_294_967_295 } });
  });

  test("to before a named turn says the turn and the count", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    const ids = await runTurns(thread, ["one", "two", "three"]);
    await fixture.manager.revert(thread.id, ids[1] ?? "");
    expect(turnIds(thread)).toEqual(ids.slice(0, 1));
    expect((await fixture.records(thread.id)).at(-1)?.item).toMatchObject({
      payload: { type: "thread_rolled_back", num_turns: 2, before_turn_id: ids[1] },
    });
    await expect(thread.revert(ids[1] ?? "")).rejects.toMatchObject({ code: "turn_not_found" });
  });

  test("is refused with a count that is none, and records nothing", async () => {
    fixture = await openFixture({ kind, agent: echoAgent() });
    const thread = await fixture.manager.start();
    for (const count of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "2" as never]) {
      await expect(thread.rollback(count)).rejects.toMatchObject({ code: "invalid_argument" });
    }
    expect(thread.snapshot().nextOrdinal).toBe(0);
    await expect(fixture.manager.rollback("01a20233-2e58-7271-bc33-3f3cb8230a0d", 1)).rejects.toMatchObject({
      code: "thread_not_loaded",
    });
  });
});
