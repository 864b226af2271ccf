/**
 * A writer that its store let go under its thread: it is opened again in its place where the log is what it was, and
 * a thread over a served store goes on when the server was started again.
 */
import { afterEach, describe, expect, test } from "vitest";

import { createThreadManager, echoAgent } from "../../src/actors/index.ts";
import { WriterHold } from "../../src/actors/writer-hold.ts";
import { createIdSource, fault, systemClock } from "../../src/base/index.ts";
import type { StoreEvent, ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { openRemoteThreadStore, serveThreadStore } from "../../src/store/remote/index.ts";
import { withMember } from "../store/remote/changed-store.ts";
import { fixtureOver } from "./actor-fixture.ts";

const closings: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

const THREAD_ID = "0196f2a0-0000-7000-8000-000000000001";
const writerOf = (epoch: number): ThreadWriter => ({ threadId: THREAD_ID, epoch });
const letGo = (): Error => fault("writer_closed", "the server was started again", { retryable: true });

describe("a hold whose writer was let go", () => {
  test("opens another one once for all who were refused, who do it with that one", async () => {
    let openings = 0;
    const hold = new WriterHold(writerOf(1), async () => {
      openings += 1;
      return writerOf(2);
    });
    const work = async ({ epoch }: ThreadWriter): Promise<number> => {
      if (epoch === 1) throw letGo();
      return epoch;
    };
    expect(await Promise.all([hold.run(work), hold.run(work), hold.run(work)])).toEqual([2, 2, 2]);
    expect(openings).toBe(1);
  });

  test("does it once more and not twice: a second refusal is told", async () => {
    let runs = 0;
    const hold = new WriterHold(writerOf(1), async () => writerOf(2));
    const refused = hold.run(async () => {
      runs += 1;
      throw letGo();
    });
    await expect(refused).rejects.toMatchObject({ code: "writer_closed", retryable: true });
    expect(runs).toBe(2);
  });

  test("opens nothing when the writer was closed here, or after it was released", async () => {
    const hold = new WriterHold(writerOf(1), async () => {
      throw new Error("opened");
    });
    const closedHere = fault("writer_closed", "closed");
    await expect(hold.run(() => Promise.reject(closedHere))).rejects.toBe(closedHere);
    expect(await hold.release()).toEqual(writerOf(1));
    await expect(hold.run(() => Promise.reject(letGo()))).rejects.toMatchObject({ code: "writer_closed" });
  });

  test("that is released meanwhile hands over the one that was just opened", async () => {
    const opened = Promise.withResolvers<ThreadWriter>();
    const hold = new WriterHold(writerOf(1), () => opened.promise);
    const refused = hold.run(() => Promise.reject(letGo()));
    await new Promise<void>((resolve) => setImmediate(resolve));
    const released = hold.release();
    opened.resolve(writerOf(2));
    await expect(refused).rejects.toMatchObject({ code: "writer_closed" });
    expect(await released).toEqual(writerOf(2));
  });
});

test("a thread goes on with its next command when the server of its store was started again", async () => {
  const memory = createMemoryThreadStore();
  const first = await serveThreadStore({ store: memory });
  const store = await openRemoteThreadStore({ url: first.url });
  closings.push(() => store.close());
  const clock = systemClock;
  const manager = createThreadManager({ store, clock, ids: createIdSource(clock), agent: echoAgent() });
  closings.push(() => manager.shutdown());
  const thread = await manager.start({ cwd: "/work" });
  expect((await (await thread.startTurn("one")).completed).status).toBe("completed");
  await first.close();
  const second = await serveThreadStore({ store: memory, listen: `127.0.0.1:${first.port}` });
  closings.push(() => second.close());
  const again = await manager.resume(thread.id);
  expect((await (await again.startTurn("two")).completed).status).toBe("completed");
  const { records } = await memory.loadHistory({ threadId: thread.id });
  const said = records.flatMap(({ item }) =>
    item.type === "event_msg" && item.payload["type"] === "user_message" ? [item.payload["message"]] : [],
  );
  expect(said).toEqual(["one", "two"]);
});

test("a thread whose log moved on unheard while its writer was gone opens again from its log", async () => {
  const memory = createMemoryThreadStore();
  let isDeaf = false;
  let refusals = 0;
  const heard = withMember(memory, "subscribe", (listener: (event: StoreEvent) => void) =>
    memory.subscribe((event) => {
      if (!isDeaf) listener(event);
    }),
  );
  const store: ThreadStore = withMember(heard, "appendItems", async (params) => {
    if (!isDeaf) return memory.appendItems(params);
    refusals += 1;
    throw letGo();
  });
  const fixture = fixtureOver(
    { store, close: () => memory.close() },
    { agent: echoAgent(), restart: { backoffMs: 100 } },
  );
  closings.push(() => fixture.close());
  const thread = await fixture.manager.start();
  await (
    await thread.startTurn("one")
  ).completed;
  isDeaf = true;
  const { writer } = await memory.resumeThread({ threadId: thread.id });
  const message = { type: "user_message", message: "by another" };
  await memory.appendItems({ writer, items: [{ type: "event_msg", payload: message }] });
  await memory.shutdownThread(writer);
  await expect(thread.startTurn("two")).rejects.toMatchObject({ code: "writer_closed", retryable: true });
  expect(refusals).toBe(1);
  isDeaf = false;
  await fixture.clock.run(100);
  expect((await (await thread.startTurn("three")).completed).status).toBe("completed");
  const records = await fixture.records(thread.id);
  expect(records.map(({ ordinal }) => ordinal)).toEqual(records.map((_, index) => index));
  expect(thread.snapshot().nextOrdinal).toBe(records.length);
});
