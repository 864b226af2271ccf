/**
 * What a snapshot says beside turns: what the next turn runs with, what was used so far and with which turn that
 * is shown; and that status and summary say the same as the snapshot without building turns.
 */
import { afterEach, describe, expect, test } from "vitest";

import { scriptedAgent, type ScriptStep, type ThreadHandle } from "../../src/actors/index.ts";
import { type ActorFixture, openFixture, STORE_KINDS } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

function answering(inputTokens: number): readonly ScriptStep[] {
  return [{ say: "ok" }, { usage: { input_tokens: inputTokens } }];
}

async function run(thread: ThreadHandle, options = {}): Promise<string> {
  const turn = await thread.startTurn("go", options);
  await turn.completed;
  return turn.turnId;
}

describe.each(STORE_KINDS)("a snapshot on a %s store", (kind) => {
  test("says what the next turn runs with, also after the thread was loaded again", async () => {
    fixture = await openFixture({ kind, agent: scriptedAgent({ turns: [] }) });
    const thread = await fixture.manager.start({ cwd: "/srv/a" });
    const settings = (handle: ThreadHandle): unknown => handle.snapshot().settings;
    expect(settings(thread)).toEqual({ model: "scripted-model", effort: null, cwd: "/srv/a" });
    await run(thread, { model: "m-2", effort: "high", cwd: "/srv/b" });
    expect(settings(thread)).toEqual({ model: "m-2", effort: "high", cwd: "/srv/b" });
    await fixture.manager.remove(thread.id);
    const again = await fixture.manager.resume(thread.id, { effort: "low" });
    expect(settings(again)).toEqual({ model: "m-2", effort: "low", cwd: "/srv/b" });
  });

  test("says what was used, live and loaded again, with the turn that was running then", async () => {
    fixture = await openFixture({
      kind,
      agent: scriptedAgent({ turns: [answering(5), answering(7), [{ say: "ok" }]] }),
    });
    const thread = await fixture.manager.start();
    expect(thread.snapshot().usage).toBeNull();
    await run(thread);
    const second = await run(thread);
    await run(thread);
    const { usage } = thread.snapshot();
    expect(usage).toMatchObject({ turnId: second, usage: { total: { input_tokens: 12 }, last: { input_tokens: 7 } } });
    await fixture.manager.remove(thread.id);
    for (const excludeTurns of [true, false]) {
      const again = await fixture.manager.resume(thread.id, { excludeTurns });
      expect(again.snapshot().usage).toEqual(usage);
      await fixture.manager.remove(thread.id);
    }
  });

  test("shows usage of a turn that was rolled back with the one in its place, or the last there is", async () => {
    fixture = await openFixture({
      kind,
      agent: scriptedAgent({ turns: [answering(5), answering(7), [{ say: "ok" }]] }),
    });
    const thread = await fixture.manager.start();
    const first = await run(thread);
    await run(thread);
    expect((await thread.rollback(1)).usage?.turnId).toBe(first);
    const inPlace = await run(thread);
    expect(thread.snapshot().usage?.turnId).toBe(inPlace);
    expect((await thread.rollback(2)).usage?.turnId).toBe("");
  });
});

test("status and summary say what the snapshot says, without turns", async () => {
  fixture = await openFixture({
    agent: scriptedAgent({ turns: [answering(5), [{ untilAborted: true }], [{ fail: new Error("no") }]] }),
  });
  const thread = await fixture.manager.start();
  const agree = (): string => {
    const { thread: shown } = thread.snapshot();
    expect(thread.summary()).toEqual({ ...shown, turns: [] });
    expect(thread.status()).toEqual(shown.status);
    return shown.status.type;
  };
  expect(agree()).toBe("idle");
  await run(thread);
  expect(agree()).toBe("idle");
  const { turnId } = await thread.startTurn("wait");
  expect(agree()).toBe("active");
  await thread.interrupt(turnId);
  expect(agree()).toBe("idle");
  await run(thread);
  expect(agree()).toBe("systemError");
  await run(thread);
  expect(agree()).toBe("idle");
  await thread.close();
  expect(agree()).toBe("notLoaded");
});
