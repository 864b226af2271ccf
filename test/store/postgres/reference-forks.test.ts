/**
 * Forks by reference: nothing is copied until a source goes, whole chains of them read as copies would, and a deleted
 * source takes nothing with it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { PostgresThreadStore } from "../../../src/postgres/index.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres, runSql } from "./postgres-place.ts";

async function linesOf(schema: string, threadId: string): Promise<number> {
  const rows = await runSql(`SELECT count(*)::int AS lines FROM "${schema}".event WHERE thread_id = $1`, [threadId]);
  return Number(rows[0]?.["lines"]);
}

async function forkOf(store: PostgresThreadStore, threadId: string, endOrdinal: number): Promise<string> {
  const { writer } = await store.createThread({ metadata: { cwd: "/fork" }, fork: { threadId, endOrdinal } });
  await store.appendItems({ writer, items: [message(`of ${endOrdinal}`)] });
  await store.shutdownThread(writer);
  return writer.threadId;
}

async function logBytes(store: PostgresThreadStore, threadId: string): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of store.transfer.readLog(threadId)) parts.push(part);
  return Buffer.concat(parts);
}

/** Items and times of the lines, as a copy would have them. */
async function copiedOf(store: PostgresThreadStore, threadId: string): Promise<readonly unknown[]> {
  return (await readLog(store, threadId)).map(({ item, timestamp }) => ({ item, timestamp }));
}

describe.skipIf(postgres.skipped !== null)("forks on PostgreSQL", () => {
  it("copies nothing of the source but the lines of a batch that the cut goes through", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store, ["a", "b", "c"]);
    await store.appendItems({ writer, items: ["d", "e", "f"].map(message) });
    const whole = await forkOf(store, threadId, 7);
    expect(await linesOf(lab.schema, whole)).toBe(2);
    const cut = await forkOf(store, threadId, 6);
    expect(await linesOf(lab.schema, cut)).toBe(4);
    const log = await readLog(store, cut);
    expect(textsOf(log)).toEqual(["a", "b", "c", "d", "e", "of 6"]);
    expect(log.slice(5, 7).map(({ marks }) => marks)).toEqual([undefined, undefined]);
    expect(log[2]?.marks).toEqual({ more: 2 });
  });

  it("reads a chain of forty forks as one log, and copies where a chain grows too long", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    let { threadId } = await seedThread(store, ["root"]);
    for (let n = 0; n < 40; n += 1) threadId = await forkOf(store, threadId, 2 + 2 * n);
    const log = await readLog(store, threadId);
    expect(log.map(({ ordinal }) => ordinal)).toEqual(log.map((_, n) => n));
    expect(log).toHaveLength(82);
    const rows = await runSql(`SELECT max(depth)::int AS depth FROM "${lab.schema}".thread`);
    expect(rows).toEqual([{ depth: 32 }]);
    expect((await store.listTurns({ threadId, limit: 5 })).data).not.toHaveLength(0);
  });

  it("keeps every fork's log, whichever threads of a drawn family are deleted in whichever order", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ of: fc.nat(9), cut: fc.nat(30) }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(9), { minLength: 1, maxLength: 6 }),
        async (forks, deletions) => {
          const store = await postgresLab().open();
          const { threadId, writer } = await seedThread(store, ["a", "b", "c"]);
          await store.shutdownThread(writer);
          const ids = [threadId];
          for (const { of, cut } of forks) {
            const source = ids[of % ids.length] ?? threadId;
            ids.push(await forkOf(store, source, cut % ((await readLog(store, source)).length + 1)));
          }
          const logs = new Map<string, readonly unknown[]>();
          for (const id of ids) logs.set(id, await copiedOf(store, id));
          for (const nth of deletions) {
            const id = ids[nth % ids.length] ?? threadId;
            if (logs.delete(id)) await store.deleteThread(id);
            else expect((await refusal(store.deleteThread(id))).code).toBe("thread_not_found");
            for (const [left, log] of logs) expect(await copiedOf(store, left)).toEqual(log);
          }
          for (const left of logs.keys()) await store.resumeThread({ threadId: left });
        },
      ),
      { numRuns: 5 },
    );
  });

  it("reads a fork whole whose source is deleted in the middle of it", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store, []);
    const texts = Array.from({ length: 3_000 }, (_, n) => `${n}`);
    for (let n = 0; n < 3; n += 1) {
      await store.appendItems({ writer, items: texts.slice(n * 1_000, (n + 1) * 1_000).map(message) });
    }
    await store.shutdownThread(writer);
    const fork = await forkOf(store, threadId, 3_001);
    const read: number[] = [];
    for await (const part of store.source.lines({ threadId: fork, from: 0, end: 3_003 })) {
      if (read.length === 0) await store.deleteThread(threadId);
      read.push(...part.map(({ ordinal }) => ordinal));
    }
    expect(read).toEqual(Array.from({ length: 3_003 }, (_, n) => n));
    expect(textsOf(await readLog(store, fork))).toEqual([...texts, "of 3001"]);
  });

  it.each([
    ["is no UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d, 0x0a])],
    ["holds NUL", Buffer.from('{"type":"event_msg","payload":"a\0b"}\n')],
  ])("forks at a line that %s, byte for byte, and deletes the source behind it", async (_, odd) => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId, writer } = await seedThread(store, ["before", "odd"]);
    await store.shutdownThread(writer);
    const sql = `UPDATE "${lab.schema}".event SET body = $2 WHERE thread_id = $1 AND ordinal = 2`;
    await runSql(sql, [threadId, odd]);
    const { writer: ofFork } = await store.createThread({
      metadata: { cwd: "/fork" },
      fork: { threadId, endOrdinal: 3 },
    });
    await store.deleteThread(threadId);
    expect((await logBytes(store, ofFork.threadId)).includes(odd)).toBe(true);
    await store.appendItems({ writer: ofFork, items: [message("behind it")] });
    expect(textsOf(await readLog(store, ofFork.threadId))).toEqual(["before", "behind it"]);
  });

  it("leaves the source's keys to the source, also after its lines were copied", async () => {
    const store = await postgresLab().open();
    const { threadId, writer } = await seedThread(store, []);
    await store.appendItems({ writer, items: [message("keyed")], idempotencyKey: "key" });
    const fork = await forkOf(store, threadId, 2);
    await store.deleteThread(threadId);
    const resumed = await store.resumeThread({ threadId: fork });
    const answer = await store.appendItems({
      writer: resumed.writer,
      items: [message("keyed anew")],
      idempotencyKey: "key",
    });
    expect(answer.duplicate).toBe(false);
    expect(textsOf(await readLog(store, fork))).toEqual(["keyed", "of 2", "keyed anew"]);
  });
});
