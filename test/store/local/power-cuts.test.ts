/**
 * What was acknowledged survives a power cut, also where another call or another process was in the middle of
 * something: folders that were made and not yet synced, a name that its maker did not live to sync, a sync that
 * failed. On a simulated disk, cut at every point that a number of seeds choose.
 */
import { describe, expect, it } from "vitest";

import { type LocalThreadStore, openLocalThreadStore } from "../../../src/store/local/index.ts";
import { drainEventLoop } from "../../../src/testing/index.ts";
import {
  createSeededRandom,
  createSeededScheduler,
  createSimulatedDisk,
  type ScheduledProcess,
  type SimulatedDisk,
} from "../../../src/testing/simulation/index.ts";
import { logOf, message, openStore, refusal } from "./store-lab.ts";

const HOME = "/home/skein";
const SEEDS = 20;

/** Does the same on one disk after another: each loses other things when the power goes. */
async function atEverySeed(work: (disk: SimulatedDisk) => Promise<void>): Promise<void> {
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const disk = createSimulatedDisk({ random: createSeededRandom(seed), nowMs: () => 0 });
    disk.prepareFolder(HOME);
    await work(disk);
  }
}

/** The store of a process that never gets to sync a folder: it is killed before. Nobody can close it. */
async function openKilled(disk: SimulatedDisk): Promise<LocalThreadStore> {
  const syncDirectory = (): Promise<void> => new Promise(() => undefined);
  return await openLocalThreadStore({ home: HOME, fileSystem: { ...disk.direct(), syncDirectory } });
}

/** The texts of a thread after the power was cut. */
async function textsAfterCut(disk: SimulatedDisk, threadId: string): Promise<readonly unknown[]> {
  disk.powerCut();
  const store = await openStore(HOME, { fileSystem: disk.direct() });
  const records = await logOf(store, threadId);
  return records.flatMap(({ item }) => (item.type === "event_msg" ? [item.payload["message"]] : []));
}

/** A process of its own, and what waits for its calls on simulated time. */
function scheduledProcess(): {
  readonly process: ScheduledProcess;
  soon<Value>(call: Promise<Value>): Promise<Value>;
} {
  const scheduler = createSeededScheduler();
  const soon = async <Value>(call: Promise<Value>): Promise<Value> => {
    let isDone = false;
    const settle = (): void => {
      isDone = true;
    };
    call.then(settle, settle);
    await scheduler.runUntil(() => isDone, scheduler.nowMs + 10_000);
    return await call;
  };
  return { process: scheduler.openProcess("process"), soon };
}

describe("a power cut", () => {
  it("leaves a thread whose folder another process had just made and not synced", () =>
    atEverySeed(async (disk) => {
      const killed = await openKilled(disk);
      const first = await killed.createThread({ metadata: { cwd: "/" } });
      void killed.appendItems({ writer: first.writer, items: [message("never answered")] });
      await drainEventLoop();

      const store = await openStore(HOME, { fileSystem: disk.direct() });
      const { writer } = await store.createThread({ metadata: { cwd: "/" } });
      await store.appendItems({ writer, items: [message("kept")] });

      expect(await textsAfterCut(disk, writer.threadId)).toEqual(["kept"]);
    }));

  it("leaves what was appended to a thread whose maker did not live to sync its name", () =>
    atEverySeed(async (disk) => {
      const killed = await openKilled(disk);
      const { writer } = await killed.createThread({ metadata: { cwd: "/" } });
      void killed.appendItems({ writer, items: [message("never answered")] });
      await drainEventLoop();

      const store = await openStore(HOME, { fileSystem: disk.direct() });
      const resumed = await store.resumeThread({ threadId: writer.threadId });
      await store.appendItems({ writer: resumed.writer, items: [message("kept")] });

      expect(await textsAfterCut(disk, writer.threadId)).toEqual(["never answered", "kept"]);
    }));

  it("leaves a name in an index whose maker did not live to sync it", () =>
    atEverySeed(async (disk) => {
      const store = await openStore(HOME, { fileSystem: disk.direct() });
      const [one, other] = [
        await store.createThread({ metadata: { cwd: "/" } }),
        await store.createThread({ metadata: { cwd: "/" } }),
      ];
      for (const { writer } of [one, other]) await store.persistThread(writer);
      const killed = await openKilled(disk);
      void killed.updateThreadMetadata({ threadId: other.writer.threadId, patch: { name: "never answered" } });
      await drainEventLoop();

      await store.updateThreadMetadata({ threadId: one.writer.threadId, patch: { name: "kept" } });
      disk.powerCut();

      const after = await openStore(HOME, { fileSystem: disk.direct() });
      expect(await after.readThread({ threadId: one.writer.threadId })).toMatchObject({ name: "kept" });
    }));

  it("leaves no hole where a sync failed, in front of what a later one made durable", () =>
    atEverySeed(async (disk) => {
      const { process, soon } = scheduledProcess();
      const options = { home: HOME, fileSystem: disk.view(process), clock: process.clock };
      const store = await soon(openLocalThreadStore(options));
      const { writer } = await soon(store.createThread({ metadata: { cwd: "/" } }));
      await soon(store.appendItems({ writer, items: [message("first")] }));
      const long = "x".repeat(20_000);
      disk.setFaults({ syncError: 1 });
      const failing = refusal(store.appendItems({ writer, items: [message(long)] }));
      expect(await soon(failing)).toMatchObject({ code: "writer_closed" });
      disk.setFaults({});

      const resumed = await soon(store.resumeThread({ threadId: writer.threadId }));
      await soon(store.appendItems({ writer: resumed.writer, items: [message("kept")] }));
      process.kill();

      expect(await textsAfterCut(disk, writer.threadId)).toEqual(["first", long, "kept"]);
    }));

  it("leaves no hole where a flush failed, in front of what a later one made durable", () =>
    atEverySeed(async (disk) => {
      const { process, soon } = scheduledProcess();
      const options = { home: HOME, fileSystem: disk.view(process), clock: process.clock, durability: "os" } as const;
      const store = await soon(openLocalThreadStore(options));
      const { writer } = await soon(store.createThread({ metadata: { cwd: "/" } }));
      await soon(store.appendItems({ writer, items: [message("first")] }));
      await soon(store.flushThread(writer));
      const long = "x".repeat(20_000);
      for (const text of [long, "second"]) await soon(store.appendItems({ writer, items: [message(text)] }));
      disk.setFaults({ syncError: 1 });
      expect(await soon(refusal(store.flushThread(writer)))).toMatchObject({ code: "writer_closed" });
      disk.setFaults({});

      const resumed = await soon(store.resumeThread({ threadId: writer.threadId }));
      await soon(store.appendItems({ writer: resumed.writer, items: [message("kept")] }));
      await soon(store.flushThread(resumed.writer));
      process.kill();

      expect(await textsAfterCut(disk, writer.threadId)).toEqual(["first", long, "second", "kept"]);
    }));

  it("leaves no hole where the first flush of a resumed writer failed, over what an earlier one did not flush", () =>
    atEverySeed(async (disk) => {
      const { process, soon } = scheduledProcess();
      const options = { home: HOME, fileSystem: disk.view(process), clock: process.clock, durability: "os" } as const;
      const store = await soon(openLocalThreadStore(options));
      const { writer } = await soon(store.createThread({ metadata: { cwd: "/" } }));
      const long = "x".repeat(20_000);
      await soon(store.appendItems({ writer, items: [message(long)] }));
      const { threadId } = writer;
      const failed = await soon(store.resumeThread({ threadId }));
      disk.setFaults({ syncError: 1 });
      expect(await soon(refusal(store.flushThread(failed.writer)))).toMatchObject({ code: "writer_closed" });
      disk.setFaults({});

      const resumed = await soon(store.resumeThread({ threadId }));
      await soon(store.appendItems({ writer: resumed.writer, items: [message("kept")] }));
      await soon(store.flushThread(resumed.writer));
      process.kill();

      expect(await textsAfterCut(disk, threadId)).toEqual([long, "kept"]);
    }));
});

describe("a power cut behind an append that was asked for again with its key", () => {
  const second = { items: [message("second")], idempotencyKey: "key" };

  it("leaves it where the sync of the first had failed", () =>
    atEverySeed(async (disk) => {
      let isFailing = false;
      const direct = disk.direct();
      const syncData = async (fd: number): Promise<void> => {
        if (isFailing) throw Object.assign(new Error("EIO: injected"), { code: "EIO" });
        await direct.syncData(fd);
      };
      const store = await openStore(HOME, { fileSystem: { ...direct, syncData } });
      const { writer } = await store.createThread({ metadata: { cwd: "/" } });
      await store.appendItems({ writer, items: [message("first")] });
      isFailing = true;
      expect(await refusal(store.appendItems({ writer, ...second }))).toMatchObject({ code: "writer_closed" });
      const failed = await store.resumeThread({ threadId: writer.threadId });
      expect(await refusal(store.appendItems({ writer: failed.writer, ...second }))).toMatchObject({
        code: "writer_closed",
      });
      isFailing = false;

      const resumed = await store.resumeThread({ threadId: writer.threadId });
      const answer = await store.appendItems({ writer: resumed.writer, ...second });

      expect(answer).toMatchObject({ durability: "fsync", duplicate: true });
      expect(await textsAfterCut(disk, writer.threadId)).toEqual(["first", "second"]);
    }));

  it("leaves it where the first process was killed before its sync", () =>
    atEverySeed(async (disk) => {
      let isHanging = false;
      const direct = disk.direct();
      const syncData = (fd: number): Promise<void> => (isHanging ? new Promise(() => undefined) : direct.syncData(fd));
      const killed = await openLocalThreadStore({ home: HOME, fileSystem: { ...direct, syncData } });
      const { writer } = await killed.createThread({ metadata: { cwd: "/" } });
      await killed.appendItems({ writer, items: [message("first")] });
      isHanging = true;
      void killed.appendItems({ writer, ...second });
      await drainEventLoop();

      const store = await openStore(HOME, { fileSystem: disk.direct() });
      const resumed = await store.resumeThread({ threadId: writer.threadId });
      const answer = await store.appendItems({ writer: resumed.writer, ...second });

      expect(answer).toMatchObject({ durability: "fsync", duplicate: true });
      expect(await textsAfterCut(disk, writer.threadId)).toEqual(["first", "second"]);
    }));
});
