/**
 * Rows that somebody else holds: an operator's transaction, another node's deletion. Who needs such a row waits for it,
 * for a bounded time, and nobody else waits with him.
 */
import { describe, expect, it } from "vitest";

import type { ThreadStore, ThreadWriter } from "../../../src/store/index.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf, transaction } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

/** Appends one after the other, as its user would; gives how long the slowest took, milliseconds. */
async function slowestOf(store: ThreadStore, writer: ThreadWriter, texts: readonly string[]): Promise<number> {
  let slowest = 0;
  for (const text of texts) {
    const begun = performance.now();
    await store.appendItems({ writer, items: [message(text)] });
    slowest = Math.max(slowest, performance.now() - begun);
  }
  return slowest;
}

const TEXTS = Array.from({ length: 50 }, (_, n) => `${n}`);

describe.skipIf(postgres.skipped !== null)("a thread's row that another transaction holds", () => {
  it("keeps appends of its own thread waiting, in their order, and those of no other thread", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const locked = await seedThread(store, []);
    const others = await Promise.all(Array.from({ length: 8 }, () => seedThread(store, [])));
    const end = await transaction(
      `SELECT FROM "${lab.schema}".thread WHERE thread_id = '${locked.threadId}' FOR UPDATE`,
    );
    let isAnswered = false;
    const waiting = Promise.all(
      TEXTS.map((text) => store.appendItems({ writer: locked.writer, items: [message(text)] })),
    ).then(() => (isAnswered = true));
    const slowest = await Promise.all(others.map(({ writer }) => slowestOf(store, writer, TEXTS)));
    expect(isAnswered).toBe(false);
    expect(Math.max(...slowest)).toBeLessThan(3_000);
    await end();
    await waiting;
    for (const { threadId } of [locked, ...others]) expect(textsOf(await readLog(store, threadId))).toEqual(TEXTS);
  });

  it("is told with timed_out after a while, and the same append works once the row is free", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store, ["a"]);
    const end = await transaction(`SELECT FROM "${lab.schema}".thread WHERE thread_id = '${threadId}' FOR UPDATE`);
    const error = await refusal(store.appendItems({ writer, items: [message("b")] }));
    expect(error).toMatchObject({ code: "timed_out", retryable: true, data: { threadId } });
    expect(error.message).toMatch(/append again.*pg_locks/);
    await end();
    await store.appendItems({ writer, items: [message("b")] });
    expect(textsOf(await readLog(store, threadId))).toEqual(["a", "b"]);
  }, 30_000);

  it("lets new threads be made that it has nothing to do with, also where an id is just being made by another one", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const threadId = "01a20000-0000-7000-8000-000000000001";
    const end = await transaction(
      `INSERT INTO "${lab.schema}".thread (thread_id, next_ordinal, epoch) VALUES ('${threadId}', 1, 1)`,
    );
    const wished = await store.createThread({ threadId, metadata: { cwd: "/work" } });
    const asked = store.appendItems({ writer: wished.writer, items: [message("of the wished id")] });
    const made = await Promise.all(Array.from({ length: 20 }, () => seedThread(store, ["new"])));
    for (const { threadId: id } of made) expect(textsOf(await readLog(store, id))).toEqual(["new"]);
    await end();
    await asked;
    expect(textsOf(await readLog(store, threadId))).toEqual(["of the wished id"]);
  });

  it("waits out a lock of the whole table, and appends everything once", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const threads = await Promise.all(Array.from({ length: 12 }, () => seedThread(store, [])));
    const end = await transaction(`LOCK TABLE "${lab.schema}".event IN SHARE MODE`);
    const asked = threads.map(({ writer }) => store.appendItems({ writer, items: [message("behind the lock")] }));
    // One more, which comes while the others are held.
    const late = seedThread(store, ["late"]);
    await end();
    await Promise.all(asked);
    for (const { threadId } of [...threads, await late]) expect(await readLog(store, threadId)).toHaveLength(2);
  });
});
