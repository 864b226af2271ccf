/**
 * The window of a fork that a store with rows keeps from the fork's making: it is told once, and only as long as
 * nothing was written to the fork since. What was, would be missing from a fork of the fork.
 */
import { expect, it, onTestFinished } from "vitest";

import { createThreadManager, scriptedAgent } from "../../../src/actors/index.ts";
import { createInlinePool, openStateDbWith } from "../../../src/projections/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import { logOf, makeHome, message, openStore } from "./store-lab.ts";

async function openIndexed(): Promise<ThreadStore> {
  const home = await makeHome();
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  const store = await openStore(home, { stateDb });
  onTestFinished(async () => {
    await store.close();
    await stateDb.close();
  });
  return store;
}

it("forks of a fork hold what was recorded in the fork since it was made", async () => {
  const store = await openIndexed();
  const manager = createThreadManager({ store, agent: scriptedAgent({ turns: [] }) });
  const source = await manager.start();
  await (
    await source.startTurn("first")
  ).completed;
  await (
    await source.compact()
  ).completed;
  const fork = await manager.fork(source.id);
  const { turnId, completed } = await fork.startTurn("said in the fork");
  await completed;
  await fork.close();

  const copy = await manager.fork(fork.id);
  expect(copy.snapshot().thread.turns.map(({ id }) => id)).toContain(turnId);
  expect((await logOf(store, copy.id)).length).toBe((await logOf(store, fork.id)).length + 1);
  await manager.shutdown();
});

it("tells a fork's window as of its end, however soon or late it is asked for", async () => {
  const store = await openIndexed();
  const manager = createThreadManager({ store, agent: scriptedAgent({ turns: [] }) });
  const source = await manager.start();
  await (
    await source.startTurn("first")
  ).completed;
  await (
    await source.compact()
  ).completed;
  await manager.shutdown();
  const { length } = await logOf(store, source.id);
  const fork = { threadId: source.id, endOrdinal: length };
  const [asked, later] = [
    await store.createThread({ metadata: { cwd: "/work" }, fork }),
    await store.createThread({ metadata: { cwd: "/work" }, fork }),
  ];
  expect((await store.loadWindow(asked.writer.threadId))?.endOrdinal).toBe(length + 1);
  await store.appendItems({ writer: later.writer, items: [message("behind it")] });
  expect((await store.loadWindow(later.writer.threadId))?.endOrdinal).toBe(length + 2);
});
