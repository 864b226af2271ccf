/**
 * Appends to a real server whose connection goes away: what landed is answered as it landed, what didn't is put again,
 * nothing twice. And what a row of a database must not do to what is appended.
 */
import { describe, expect, it, onTestFinished } from "vitest";

import { startCuttingProxy, type CuttingProxy } from "./cutting-proxy.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres, runSql } from "./postgres-place.ts";

async function proxied(): Promise<CuttingProxy> {
  const proxy = await startCuttingProxy(postgres.url);
  onTestFinished(() => proxy.close());
  return proxy;
}

describe.skipIf(postgres.skipped !== null)("appends to PostgreSQL", () => {
  it("answers an append whose answer was lost with what landed, and writes it once", async () => {
    const proxy = await proxied();
    const store = await postgresLab().open({ url: proxy.url });
    const { threadId, writer } = await seedThread(store, []);
    proxy.loseAnswers(1, "lost with its answer");
    const answer = await store.appendItems({ writer, items: [message("lost with its answer"), message("b")] });
    expect(proxy.lost).toBe(1);
    expect(answer).toMatchObject({ firstOrdinal: 1, nextOrdinal: 3, duplicate: false });
    expect(await store.appendItems({ writer, items: [message("c")] })).toMatchObject({ firstOrdinal: 3 });
    expect(textsOf(await readLog(store, threadId))).toEqual(["lost with its answer", "b", "c"]);
  });

  it("makes a thread once whose first append's answer was lost", async () => {
    const proxy = await proxied();
    const store = await postgresLab().open({ url: proxy.url });
    const told: string[] = [];
    store.subscribe(({ type }) => told.push(type));
    const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
    proxy.loseAnswers(1, "the first one");
    const answer = await store.appendItems({ writer, items: [message("the first one")] });
    expect([answer.firstOrdinal, proxy.lost]).toEqual([1, 1]);
    expect(await readLog(store, writer.threadId)).toHaveLength(2);
    expect(told).toEqual(["created", "appended"]);
  });

  it("knows a fork, an archiving, a name and a deletion whose answers were lost", async () => {
    const proxy = await proxied();
    const store = await postgresLab().open({ url: proxy.url });
    const { threadId } = await seedThread(store, ["one", "two"]);
    proxy.loseAnswers(1, "COMMIT");
    const fork = await store.createThread({ metadata: { cwd: "/work" }, fork: { threadId, endOrdinal: 3 } });
    proxy.loseAnswers(1, "COMMIT");
    await store.updateThreadMetadata({ threadId, patch: { name: "named" } });
    proxy.loseAnswers(1, "COMMIT");
    await store.archiveThread(threadId);
    expect(await store.readThread({ threadId })).toMatchObject({ name: "named", archived: true });
    proxy.loseAnswers(1, "COMMIT");
    await store.deleteThread(threadId);
    expect(proxy.lost).toBe(4);
    expect((await refusal(store.readThread({ threadId }))).code).toBe("thread_not_found");
    await store.appendItems({ writer: fork.writer, items: [message("three")] });
    expect(textsOf(await readLog(store, fork.writer.threadId))).toEqual(["one", "two", "three"]);
  });

  it("goes on through cuts of every connection with all of many threads' appends, each once and in order", async () => {
    const proxy = await proxied();
    const store = await postgresLab().open({ url: proxy.url });
    const told = new Map<string, number[]>();
    store.subscribe((event) => {
      if (event.type !== "appended") return;
      told.set(event.threadId, [...(told.get(event.threadId) ?? []), ...event.records.map(({ ordinal }) => ordinal)]);
    });
    const threads = await Promise.all(Array.from({ length: 12 }, () => seedThread(store, [])));
    let acknowledged = 0;
    const appending = threads.map(async ({ writer }) => {
      for (let n = 0; n < 40; n += 1) {
        const answer = await store.appendItems({ writer, items: [message(`${n}`)] });
        expect(answer.firstOrdinal).toBe(n + 1);
        acknowledged += 1;
        if (acknowledged % 60 === 0) proxy.cutAll();
      }
    });
    await Promise.all(appending);
    const expected = Array.from({ length: 40 }, (_, n) => `${n}`);
    for (const { threadId } of threads) {
      expect(textsOf(await readLog(store, threadId))).toEqual(expected);
      expect(told.get(threadId)).toEqual([0, ...expected.map((_, n) => n + 1)]);
    }
  });

  it("writes an idempotency key once, also when the caller asks again behind a lost answer through another handle", async () => {
    const lab = postgresLab();
    const proxy = await proxied();
    const first = await lab.open({ url: proxy.url });
    const { threadId, writer } = await seedThread(first, ["before"]);
    const append = { items: [message("keyed"), message("keyed too")], idempotencyKey: "key \0 \u{1f511}" };
    const answer = await first.appendItems({ writer, ...append });
    await first.shutdownThread(writer);
    const second = await lab.open();
    const resumed = await second.resumeThread({ threadId });
    expect(await second.appendItems({ writer: resumed.writer, ...append })).toEqual({ ...answer, duplicate: true });
    expect(textsOf(await readLog(second, threadId))).toEqual(["before", "keyed", "keyed too"]);
  });

  it("keeps every letter of names and texts, those that SQL's texts can't hold too", async () => {
    const store = await postgresLab().open();
    const odd = "nul \0, \u{1f9f5}, \\ ' \" \n";
    const { threadId } = await seedThread(store, [odd]);
    await store.updateThreadMetadata({ threadId, patch: { name: odd } });
    expect((await store.readThread({ threadId })).name).toBe(odd.trim());
    expect(textsOf(await readLog(store, threadId))).toEqual([odd]);
    expect(await store.checkpointOf(threadId, 1)).toMatchObject({ threadId, ordinal: 1 });
  });

  it("tells a follower whose record isn't in the log any more that history was lost", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store, ["kept", "lost"]);
    const checkpoint = await store.checkpointOf(threadId, 2);
    await store.checkCheckpoint(checkpoint);
    await store.shutdownThread(writer);
    // As a failover to a standby that lagged: the last line is gone, and another one takes its place.
    await runSql(`DELETE FROM "${lab.schema}".event WHERE thread_id = $1 AND ordinal = 2`, [threadId]);
    await runSql(`UPDATE "${lab.schema}".thread SET next_ordinal = 2 WHERE thread_id = $1`, [threadId]);
    expect(await refusal(store.checkCheckpoint(checkpoint))).toMatchObject({
      code: "history_truncated",
      data: { threadId, ordinal: 2, nextOrdinal: 2 },
    });
    const resumed = await store.resumeThread({ threadId });
    await store.appendItems({ writer: resumed.writer, items: [message("another")] });
    expect((await refusal(store.checkCheckpoint(checkpoint))).code).toBe("history_truncated");
    expect((await refusal(store.checkpointOf(threadId, 3))).code).toBe("history_truncated");
  });

  it("refuses what waits behind an append that failed, and takes none of it", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store, []);
    // Somebody else's lock holds the put, and the thread goes to another epoch under it.
    await runSql(`UPDATE "${lab.schema}".thread SET epoch = epoch + 1, owner_node = NULL WHERE thread_id = $1`, [
      threadId,
    ]);
    const calls = ["a", "b", "c"].map((text) => refusal(store.appendItems({ writer, items: [message(text)] })));
    const codes = (await Promise.all(calls)).map(({ code }) => code);
    expect(codes).toEqual(["writer_fenced", "writer_fenced", "writer_fenced"]);
    expect((await refusal(store.appendItems({ writer, items: [message("d")] }))).code).toBe("writer_fenced");
    expect(textsOf(await readLog(store, threadId))).toEqual([]);
  });
});
