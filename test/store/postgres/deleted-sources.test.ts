/**
 * Deleting a thread that forks refer to: they get its lines in small steps beside everything else, are written and
 * read meanwhile, and a deletion that ends in the middle harms nothing.
 */
import { describe, expect, it } from "vitest";

import type { PostgresThreadStore } from "../../../src/postgres/index.ts";
import type { ThreadWriter } from "../../../src/store/index.ts";
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
import { postgres, runSql } from "./postgres-place.ts";

const LINES = 4_000;
const TEXTS = Array.from({ length: LINES }, (_, n) => `${n}`);

interface Family {
  readonly lab: PostgresLab;
  readonly store: PostgresThreadStore;
  readonly sourceId: string;
  readonly forks: readonly ThreadWriter[];
}

/** A thread of 4000 messages, and forks at its end. */
async function family(forkCount: number): Promise<Family> {
  const lab = postgresLab();
  const store = await lab.open();
  const { threadId: sourceId, writer } = await seedThread(store, []);
  for (let at = 0; at < LINES; at += 1_000) {
    await store.appendItems({ writer, items: TEXTS.slice(at, at + 1_000).map(message) });
  }
  await store.shutdownThread(writer);
  const forks: ThreadWriter[] = [];
  for (let n = 0; n < forkCount; n += 1) {
    const fork = { threadId: sourceId, endOrdinal: LINES + 1 };
    forks.push((await store.createThread({ metadata: { cwd: "/fork" }, fork })).writer);
  }
  return { lab, store, sourceId, forks };
}

async function linesOf(schema: string, threadId: string): Promise<number> {
  const rows = await runSql(`SELECT count(*)::int AS lines FROM "${schema}".event WHERE thread_id = $1`, [threadId]);
  return Number(rows[0]?.["lines"]);
}

/** Fails the copying with the line of an ordinal: what a deletion did until then stays. */
async function failAt(schema: string, ordinal: number): Promise<() => Promise<void>> {
  await runSql(
    `ALTER TABLE "${schema}".event ADD CONSTRAINT fails CHECK (xid <> '0' OR ordinal <> ${ordinal}) NOT VALID`,
  );
  return async () => void (await runSql(`ALTER TABLE "${schema}".event DROP CONSTRAINT fails`));
}

describe.skipIf(postgres.skipped !== null)("deleting a thread that forks refer to", () => {
  it("lets the forks be written and read the whole time, each line once", async () => {
    const { store, sourceId, forks } = await family(4);
    let isDeleted = false;
    const deleting = store.deleteThread(sourceId).then(() => (isDeleted = true));
    const [first, last] = [forks.at(0), forks.at(-1)];
    if (first === undefined || last === undefined) throw new Error("there are four");
    const own: string[] = [];
    let slowest = 0;
    while (!isDeleted) {
      const begun = performance.now();
      await store.appendItems({ writer: last, items: [message(`own ${own.length}`)] });
      slowest = Math.max(slowest, performance.now() - begun);
      own.push(`own ${own.length}`);
      expect(textsOf(await readLog(store, first.threadId))).toEqual(TEXTS);
      expect(textsOf(await readLog(store, last.threadId))).toEqual([...TEXTS, ...own]);
    }
    await deleting;
    expect(own.length).toBeGreaterThan(1);
    expect(slowest).toBeLessThan(2_000);
    expect(textsOf(await readLog(store, last.threadId))).toEqual([...TEXTS, ...own]);
    expect((await refusal(store.readThread({ threadId: sourceId }))).code).toBe("thread_not_found");
  });

  it("holds no row of a fork while it copies: what the copying waits for keeps no append waiting", async () => {
    const { lab, store, sourceId, forks } = await family(1);
    const [fork] = forks;
    if (fork === undefined) throw new Error("there is one");
    const { schema } = lab;
    const end = await transaction(
      `INSERT INTO "${schema}".event (xid, thread_id, ordinal, append_id, body) SELECT '0', '${fork.threadId}', 2500, append_id, body
       FROM "${schema}".event WHERE thread_id = '${sourceId}' AND ordinal = 2499`,
    );
    const deleting = store.deleteThread(sourceId);
    const waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1";
    await expect.poll(() => runSql(waiting, [`%"${schema}".event%`]), { timeout: 8_000 }).not.toHaveLength(0);
    await store.appendItems({ writer: fork, items: [message("own")] });
    expect((await store.readThread({ threadId: sourceId })).id).toBe(sourceId);
    await end();
    await deleting;
    expect(textsOf(await readLog(store, fork.threadId))).toEqual([...TEXTS, "own"]);
  });

  it("that ends in the middle leaves every log as it was, and goes on where it was when it is asked again", async () => {
    const { lab, store, sourceId, forks } = await family(2);
    const [fork, other] = forks;
    if (fork === undefined || other === undefined) throw new Error("there are two");
    const mend = await failAt(lab.schema, 2_500);
    await refusal(store.deleteThread(sourceId));
    expect(await linesOf(lab.schema, fork.threadId)).toBe(1 + 2_000);
    for (const { threadId } of [fork, other]) expect(textsOf(await readLog(store, threadId))).toEqual(TEXTS);
    await store.appendItems({ writer: fork, items: [message("own")] });
    expect(textsOf(await readLog(store, fork.threadId))).toEqual([...TEXTS, "own"]);
    // A fork that is deleted takes its copies with it, and its id can be used again.
    await store.deleteThread(other.threadId);
    expect(await linesOf(lab.schema, other.threadId)).toBe(0);
    await mend();
    await store.deleteThread(sourceId);
    expect(textsOf(await readLog(store, fork.threadId))).toEqual([...TEXTS, "own"]);
    expect(await linesOf(lab.schema, fork.threadId)).toBe(LINES + 3);
  });

  it("copies for no fork that is deleted meanwhile: nothing is left of it, and its id is used again", async () => {
    const { lab, store, sourceId, forks } = await family(3);
    const deleting = store.deleteThread(sourceId);
    await Promise.all(forks.map(({ threadId }) => store.deleteThread(threadId)));
    await deleting;
    expect(await runSql(`SELECT count(*)::int AS lines FROM "${lab.schema}".event`)).toEqual([{ lines: 0 }]);
    const [threadId = ""] = forks.map((fork) => fork.threadId);
    const { writer } = await store.createThread({ threadId, metadata: { cwd: "/work" } });
    await store.appendItems({ writer, items: [message("anew")] });
    expect(textsOf(await readLog(store, threadId))).toEqual(["anew"]);
  });

  it("at once with its own source's deletion keeps the forks of both whole", async () => {
    const { store, sourceId, forks } = await family(1);
    const [middle] = forks;
    if (middle === undefined) throw new Error("there is one");
    await store.appendItems({ writer: middle, items: [message("of the middle")] });
    const fork = { threadId: middle.threadId, endOrdinal: LINES + 3 };
    const leaves = await Promise.all(
      Array.from({ length: 3 }, () => store.createThread({ metadata: { cwd: "/fork" }, fork })),
    );
    await Promise.all([store.deleteThread(sourceId), store.deleteThread(middle.threadId)]);
    for (const { writer } of leaves) {
      expect(textsOf(await readLog(store, writer.threadId))).toEqual([...TEXTS, "of the middle"]);
    }
  });
});
