/**
 * Leases on a real server: who may take a thread, what an owner that slept is told, and that it keeps what nobody took.
 * The server's clock can't be moved by hand: where a test would wait for a lease to end, it ends it in the node's row.
 */
import { setTimeout as delay } from "node:timers/promises";

import { describe, expect, it, onTestFinished, vi } from "vitest";

import { silentLogger } from "../../../src/base/index.ts";
import { TcpProxy } from "../../crash/tcp-proxy.ts";
import {
  message,
  postgresLab,
  type PostgresLab,
  readLog,
  refusal,
  seedThread,
  textsOf,
  transaction,
} from "./postgres-lab.ts";
import { endLease, postgres, runSql } from "./postgres-place.ts";

async function ownerOf({ schema }: PostgresLab, threadId: string): Promise<Record<string, unknown>> {
  const text = `SELECT owner_node, owner_incarnation::float8 AS incarnation, epoch::int AS epoch FROM "${schema}".thread WHERE thread_id = $1`;
  return (await runSql(text, [threadId]))[0] ?? {};
}

describe.skipIf(postgres.skipped !== null)("leases of nodes on PostgreSQL", () => {
  it("refuses a thread that a living node has, and says which node, where it is reached and since when", async () => {
    const lab = postgresLab();
    const owner = await lab.open({ node: { id: "node-a", url: "ws://a.test:4500" } });
    const other = await lab.open();
    const { threadId } = await seedThread(owner);
    const error = await refusal(other.resumeThread({ threadId }));
    expect(error).toMatchObject({ code: "thread_owned_elsewhere", retryable: true });
    expect(error.data).toMatchObject({ threadId, ownerId: "node-a", url: "ws://a.test:4500", pid: process.pid });
    expect(error.data["sinceMs"]).toBeTypeOf("number");
  });

  it("frees the threads of a named node that was closed, also while it is there again under its name", async () => {
    const lab = postgresLab();
    const named = await lab.open({ node: { id: "named" } });
    const { threadId } = await seedThread(named);
    await named.close();
    await lab.open({ node: { id: "named" } });
    const other = await lab.open();
    const resumed = await other.resumeThread({ threadId });
    await other.appendItems({ writer: resumed.writer, items: [message("taken")] });
    expect(textsOf(await readLog(other, threadId))).toEqual(["first", "taken"]);
  });

  it("gives a thread of a node without a sign of life to another one, and refuses the sleeper from its first append on", async () => {
    const lab = postgresLab();
    const sleeper = await lab.open({ leaseTtlMs: 600_000 });
    const taker = await lab.open({ node: { id: "taker", url: "ws://taker.test" } });
    const { threadId, writer } = await seedThread(sleeper, ["before"]);
    await endLease(lab.schema, sleeper.nodeId);
    const taken = await taker.resumeThread({ threadId });
    expect(taken.writer.epoch).toBeGreaterThan(writer.epoch);
    await taker.appendItems({ writer: taken.writer, items: [message("taken")] });
    const late = await refusal(sleeper.appendItems({ writer, items: [message("late")] }));
    expect(late).toMatchObject({ code: "thread_owned_elsewhere", data: { ownerId: "taker", url: "ws://taker.test" } });
    expect((await refusal(sleeper.appendItems({ writer, items: [message("later")] }))).code).toBe(
      "thread_owned_elsewhere",
    );
    expect(textsOf(await readLog(sleeper, threadId))).toEqual(["before", "taken"]);
  });

  it("refuses a sleeper whose thread was taken and let go again as fenced", async () => {
    const lab = postgresLab();
    const [sleeper, taker] = [await lab.open({ leaseTtlMs: 600_000 }), await lab.open()];
    const { threadId, writer } = await seedThread(sleeper);
    await endLease(lab.schema, sleeper.nodeId);
    await taker.shutdownThread((await taker.resumeThread({ threadId })).writer);
    expect((await refusal(sleeper.appendItems({ writer, items: [message("late")] }))).code).toBe("writer_fenced");
    const again = await sleeper.resumeThread({ threadId });
    await sleeper.appendItems({ writer: again.writer, items: [message("again")] });
    expect(textsOf(await readLog(taker, threadId))).toEqual(["first", "again"]);
  });

  it("lets a node that missed its lease go on with the threads that nobody took, and keeps them for it", async () => {
    const lab = postgresLab();
    const [owner, other] = [await lab.open({ leaseTtlMs: 3_000 }), await lab.open()];
    const [kept, lost] = [await seedThread(owner), await seedThread(owner)];
    const { incarnation } = await ownerOf(lab, kept.threadId);
    // The owner may renew its lease between the two.
    await vi.waitFor(async () => {
      await endLease(lab.schema, owner.nodeId);
      await other.resumeThread({ threadId: lost.threadId });
    }, 5_000);
    await vi.waitFor(async () => {
      expect(await ownerOf(lab, kept.threadId)).toMatchObject({
        owner_node: owner.nodeId,
        incarnation: expect.toSatisfy((now: number) => now > Number(incarnation)),
      });
    }, 5_000);
    expect((await refusal(other.resumeThread({ threadId: kept.threadId }))).code).toBe("thread_owned_elsewhere");
    await owner.appendItems({ writer: kept.writer, items: [message("still")] });
    const error = await refusal(owner.appendItems({ writer: lost.writer, items: [message("late")] }));
    expect(error).toMatchObject({ code: "thread_owned_elsewhere", data: { ownerId: other.nodeId } });
  });

  it("tries a renewal that met no server again soon, so that a server that was away for a moment costs no thread", async () => {
    const port = Number(new URL(postgres.url).port);
    const proxy = await TcpProxy.open(port);
    onTestFinished(() => proxy.close());
    const lab = postgresLab();
    const failed = Promise.withResolvers<void>();
    const warn = (_data: object, text: string): void => {
      if (text.includes("could not be renewed")) failed.resolve();
    };
    const leaseTtlMs = 9_000;
    const { nodeId } = await lab.open({
      url: `postgres://app@127.0.0.1:${proxy.port}/postgres`,
      leaseTtlMs,
      logger: { ...silentLogger, warn },
    });
    const aliveUntil = async (): Promise<number> => {
      const text = `SELECT extract(epoch FROM alive_until)::float8 AS until FROM "${lab.schema}".node WHERE node_id = $1`;
      return Number((await runSql(text, [nodeId]))[0]?.["until"]);
    };
    const before = await aliveUntil();
    proxy.targetPort = 1;
    proxy.cut();
    await failed.promise;
    proxy.targetPort = port;
    // A third of the lease later would be three seconds.
    await vi.waitFor(async () => expect(await aliveUntil()).toBeGreaterThan(before), { timeout: 2_000 });
  });

  it("keeps a thread through many renewals, and frees it within the lease's time when the owner's connections end", async () => {
    const lab = postgresLab();
    const [owner, other] = [await lab.open({ leaseTtlMs: 3_000 }), await lab.open()];
    const { threadId, writer } = await seedThread(owner);
    const until = performance.now() + 3_500;
    while (performance.now() < until) {
      expect((await refusal(other.resumeThread({ threadId }))).code).toBe("thread_owned_elsewhere");
      await owner.appendItems({ writer, items: [message("awake")] });
      await delay(100);
    }
    await owner.close();
    await other.resumeThread({ threadId });
  });

  it("renews a node's lease while the tables of records and changes are locked", async () => {
    const lab = postgresLab();
    const store = await lab.open({ leaseTtlMs: 900 });
    const endOf = async (): Promise<unknown> => {
      const text = `SELECT incarnation::text || ' ' || alive_until AS lease FROM "${lab.schema}".node WHERE node_id = $1`;
      return (await runSql(text, [store.nodeId]))[0]?.["lease"];
    };
    const unlock = await transaction(
      `LOCK TABLE "${lab.schema}".event, "${lab.schema}".change IN ACCESS EXCLUSIVE MODE`,
    );
    const ends = new Set<unknown>();
    await vi.waitFor(async () => expect(ends.add(await endOf()).size).toBeGreaterThanOrEqual(4), 10_000);
    await unlock();
    expect(new Set([...ends].map((end) => String(end).split(" ")[0])).size).toBe(1);
  });

  it("hands a node's threads to the handle that is opened with its id, and fences the older one", async () => {
    const lab = postgresLab();
    const first = await lab.open({ node: { id: "same" }, leaseTtlMs: 600 });
    const { threadId, writer } = await seedThread(first);
    const second = await lab.open({ node: { id: "same" } });
    const resumed = await second.resumeThread({ threadId });
    await second.appendItems({ writer: resumed.writer, items: [message("second")] });
    expect((await refusal(first.appendItems({ writer, items: [message("late")] }))).code).toMatch(
      /writer_fenced|thread_owned_elsewhere/,
    );
    // The older handle goes on as another node.
    await vi.waitFor(() => expect(first.nodeId).not.toBe("same"), 5_000);
    expect((await refusal(first.resumeThread({ threadId }))).data).toMatchObject({ ownerId: "same" });
    await second.appendItems({ writer: resumed.writer, items: [message("still second")] });
    expect(textsOf(await readLog(first, threadId))).toEqual(["first", "second", "still second"]);
  });

  it("lets reads, lists and names through whoever owns the thread, and no archiving and no deletion", async () => {
    const lab = postgresLab();
    const [owner, other] = [await lab.open(), await lab.open()];
    const { threadId } = await seedThread(owner);
    expect((await other.listThreads()).data.map(({ id }) => id)).toEqual([threadId]);
    expect((await other.updateThreadMetadata({ threadId, patch: { name: "from elsewhere" } })).name).toBe(
      "from elsewhere",
    );
    expect((await owner.readThread({ threadId })).name).toBe("from elsewhere");
    for (const call of [
      other.archiveThread(threadId),
      other.deleteThread(threadId),
      other.updateThreadMetadata({ threadId, patch: { memoryMode: "disabled" } }),
    ]) {
      expect((await refusal(call)).code).toBe("thread_owned_elsewhere");
    }
  });

  it("tells two writers apart that followed each other on an id that nothing was stored with", async () => {
    const store = await postgresLab().open();
    const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
    const { threadId } = writer;
    await store.shutdownThread(writer);
    const second = await store.createThread({ threadId, metadata: { cwd: "/work" } });
    expect(second.writer.epoch).toBeGreaterThan(writer.epoch);
    const append = store.appendItems({ writer, items: [message("of the first")] });
    expect((await refusal(append)).code).toBe("writer_fenced");
    await store.appendItems({ writer: second.writer, items: [message("of the second")] });
    expect(textsOf(await readLog(store, threadId))).toEqual(["of the second"]);
  });
});
