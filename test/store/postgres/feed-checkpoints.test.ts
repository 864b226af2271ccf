/**
 * Checkpoints of consumers in the database of the threads: what is kept, in which order, across handles, in a schema
 * that an earlier version made, and of a log that lost the record they are behind.
 */
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";

import {
  openPostgresCheckpoints,
  type PostgresCheckpoints,
  type PostgresThreadStore,
} from "../../../src/postgres/index.ts";
import { createIdSource } from "../../../src/base/index.ts";
import { message, postgresLab, readLog, refusal, seedThread } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

const newId = (): string => createIdSource().next();

async function open(schema: string): Promise<PostgresCheckpoints> {
  const checkpoints = await openPostgresCheckpoints({ url: postgres.url, schema, allowUnsafe: true });
  onTestFinished(() => checkpoints.close());
  return checkpoints;
}

interface Place {
  readonly schema: string;
  readonly store: PostgresThreadStore;
  readonly checkpoints: PostgresCheckpoints;
  /** A thread of so many records. */
  thread(records: number): Promise<string>;
  sql(text: string, values?: readonly unknown[]): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

async function place(): Promise<Place> {
  const lab = postgresLab();
  const store = await lab.open();
  return {
    schema: lab.schema,
    store,
    checkpoints: await open(lab.schema),
    async thread(records) {
      const texts = Array.from({ length: records - 1 }, (_, index) => `${index}`);
      return (await seedThread(store, texts)).threadId;
    },
    async sql(text, values = []) {
      const client = new pg.Client({ connectionString: postgres.url });
      await client.connect();
      try {
        return (await client.query(text.replaceAll("{s}", `"${lab.schema}"`), [...values])).rows;
      } finally {
        await client.end();
      }
    },
  };
}

/** As a server that has no more than the records below `end`. */
async function cutLog({ sql }: Place, threadId: string, end: number): Promise<void> {
  await sql("DELETE FROM {s}.event WHERE thread_id = $1 AND ordinal >= $2", [threadId, end]);
  await sql("UPDATE {s}.thread SET next_ordinal = $2 WHERE thread_id = $1", [threadId, end]);
}

/** Other records at the ordinals from `end` on. */
async function replaceLog(
  at: Place,
  threadId: string,
  { end, texts }: { readonly end: number; readonly texts: readonly string[] },
): Promise<void> {
  await cutLog(at, threadId, end);
  const { writer } = await at.store.resumeThread({ threadId });
  await at.store.appendItems({ writer, items: texts.map(message) });
  await at.store.shutdownThread(writer);
}

describe.skipIf(postgres.skipped !== null)("checkpoints in a database", () => {
  test("are found by every node, and none is null", async () => {
    const { schema, checkpoints: here, thread } = await place();
    const there = await open(schema);
    const key = { name: "mailer", threadId: await thread(8) };
    expect(await there.read(key)).toBeNull();
    await here.save(key, 7);
    expect(await there.read(key)).toBe(7);
    expect(await there.read({ ...key, name: "other" })).toBeNull();
    expect(await there.read({ ...key, threadId: newId() })).toBeNull();
  });

  test("only grow, whoever saves them, also many at once", async () => {
    const { schema, checkpoints: here, thread } = await place();
    const there = await open(schema);
    const key = { name: "mailer", threadId: await thread(61) };
    const saves = Array.from({ length: 60 }, (_, at) => (at % 2 === 0 ? here : there).save(key, (at * 37) % 61));
    await Promise.all(saves);
    expect(await here.read(key)).toBe(60);
    await there.save(key, 3);
    expect(await here.read(key)).toBe(60);
  });

  test("are gone with a thread that is deleted, whoever deletes it", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const checkpoints = await open(lab.schema);
    const [{ threadId }, other] = [await seedThread(store), await seedThread(store)];
    for (const id of [threadId, other.threadId]) await checkpoints.save({ name: "mailer", threadId: id }, 2);
    await store.deleteThread(threadId);
    // Who is still done with the last of it is answered, and leaves nothing behind.
    for (const position of [0, 2]) await checkpoints.save({ name: "mailer", threadId }, position);
    expect(await checkpoints.read({ name: "mailer", threadId })).toBeNull();
    expect(await checkpoints.read({ name: "mailer", threadId: other.threadId })).toBe(2);
  });

  test("are forgotten one by one, and with their thread", async () => {
    const { checkpoints, thread } = await place();
    const [threadId, other] = [await thread(5), await thread(5)];
    for (const name of ["a", "b"]) await checkpoints.save({ name, threadId }, 1);
    await checkpoints.save({ name: "a", threadId: other }, 5);
    await checkpoints.delete({ name: "a", threadId });
    expect(await checkpoints.read({ name: "a", threadId })).toBeNull();
    expect(await checkpoints.read({ name: "b", threadId })).toBe(1);
    await checkpoints.deleteThread(threadId);
    expect(await checkpoints.read({ name: "b", threadId })).toBeNull();
    expect(await checkpoints.read({ name: "a", threadId: other })).toBe(5);
  });

  test("of one thread take effect in the order of the calls", async () => {
    const { checkpoints, thread } = await place();
    const key = { name: "mailer", threadId: await thread(9) };
    const [, , read] = await Promise.all([checkpoints.save(key, 9), checkpoints.delete(key), checkpoints.read(key)]);
    expect(read).toBeNull();
  });

  test.each([1, 2])("come into a schema of version %i, whose threads and positions stay", async (version) => {
    const { schema, store, thread, sql } = await place();
    const threadId = await thread(4);
    const key = { name: "mailer", threadId };
    const before = await readLog(store, threadId);
    if (version === 1) await sql("DROP TABLE {s}.feed_checkpoint");
    else {
      await sql("ALTER TABLE {s}.feed_checkpoint DROP COLUMN append_id, DROP COLUMN append_before");
      await sql("INSERT INTO {s}.feed_checkpoint (thread_id, name, next_ordinal) VALUES ($1, $2, 2)", [
        threadId,
        key.name,
      ]);
    }
    await sql("UPDATE {s}.meta SET v = $1 WHERE k = 'schema_version'", [version]);
    const checkpoints = await open(schema);
    expect(await checkpoints.read(key)).toBe(version === 1 ? null : 2);
    await checkpoints.save(key, 3);
    expect(await checkpoints.read(key)).toBe(3);
    expect(await sql("SELECT v FROM {s}.meta WHERE k = 'schema_version'")).toEqual([{ v: "3" }]);
    expect(await readLog(await postgresLab().open({ schema }), threadId)).toEqual(before);
  });

  test("that a program of before moved are read as it left them, while the log reaches so far", async () => {
    const at = await place();
    const key = { name: "mailer", threadId: await at.thread(6) };
    await at.checkpoints.save(key, 3);
    await at.sql("UPDATE {s}.feed_checkpoint SET next_ordinal = 5");
    expect(await at.checkpoints.read(key)).toBe(5);
    await replaceLog(at, key.threadId, { end: 4, texts: ["other"] });
    expect(await at.checkpoints.read(key)).toBe(5);
    await cutLog(at, key.threadId, 4);
    expect((await refusal(at.checkpoints.read(key))).code).toBe("history_truncated");
  });

  test("are refused where the log has another record before them, or none, and replaced by who begins anew", async () => {
    const at = await place();
    const { checkpoints } = at;
    const threadId = await at.thread(6);
    const [kept, lost] = [
      { name: "kept", threadId },
      { name: "lost", threadId },
    ];
    await checkpoints.save(kept, 3);
    await checkpoints.save(lost, 5);
    await cutLog(at, threadId, 3);
    const told = { threadId, checkpoint: "lost", ordinal: 4 };
    const failure = await refusal(checkpoints.read(lost));
    expect(failure).toMatchObject({ code: "history_truncated", retryable: false, data: { ...told, nextOrdinal: 3 } });
    expect(failure.message).toMatch(/from 0, or from where its log ends now \(3\).*or delete the checkpoint/);
    await replaceLog(at, threadId, { end: 3, texts: ["a", "b", "c", "d"] });
    expect(await refusal(checkpoints.read(lost))).toMatchObject({ data: { ...told, nextOrdinal: 7 } });
    expect(await checkpoints.read(kept)).toBe(3);
    // Both of these are lower than what was kept.
    await checkpoints.save(kept, 1);
    await checkpoints.save(lost, 1);
    expect([await checkpoints.read(kept), await checkpoints.read(lost)]).toEqual([3, 1]);
    await checkpoints.save(lost, 7);
    await checkpoints.save(lost, 2);
    expect(await checkpoints.read(lost)).toBe(7);
  });

  test("that were lost are replaced by 0, by the same place, and by a later one as well", async () => {
    const at = await place();
    const threadId = await at.thread(4);
    const places = [0, 3, 5];
    for (const to of places) await at.checkpoints.save({ name: `to ${to}`, threadId }, 3);
    await replaceLog(at, threadId, { end: 2, texts: ["a", "b", "c"] });
    for (const to of places) {
      const key = { name: `to ${to}`, threadId };
      expect((await refusal(at.checkpoints.read(key))).code).toBe("history_truncated");
      await at.checkpoints.save(key, to);
      expect(await at.checkpoints.read(key)).toBe(to);
    }
  });

  test("that were lost stay as they are where the log is cut once more as they are replaced", async () => {
    const at = await place();
    const threadId = await at.thread(6);
    const key = { name: "mailer", threadId };
    await at.checkpoints.save(key, 6);
    await cutLog(at, threadId, 5);
    await at.sql(`CREATE FUNCTION {s}.cut() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN DELETE FROM {s}.event WHERE thread_id = OLD.thread_id AND ordinal >= 3; RETURN OLD; END$$`);
    await at.sql("CREATE TRIGGER cut AFTER DELETE ON {s}.feed_checkpoint FOR EACH ROW EXECUTE FUNCTION {s}.cut()");
    const told = { code: "history_truncated", data: { threadId, checkpoint: "mailer" } };
    expect(await refusal(at.checkpoints.save(key, 5))).toMatchObject({ ...told, data: { ordinal: 4 } });
    expect(await refusal(at.checkpoints.read(key))).toMatchObject({ ...told, data: { ordinal: 5 } });
  });

  test("are kept behind the record that their consumer was told, and refused behind another one", async () => {
    const at = await place();
    const { checkpoints, store } = at;
    const threadId = await at.thread(6);
    const key = { name: "mailer", threadId };
    const told = (await readLog(store, threadId)).map(({ timestamp, item: { type } }) => ({ timestamp, type }));
    for (const [ordinal, after] of told.slice(0, 3).entries()) await checkpoints.save(key, ordinal + 1, after);
    expect(await checkpoints.read(key)).toBe(3);
    await replaceLog(at, threadId, { end: 3, texts: ["a", "b", "c"] });
    const other = { timestamp: told[4]?.timestamp ?? null, type: "response_item" };
    for (const after of [told[4], other, { ...other, timestamp: null }]) {
      expect(await refusal(checkpoints.save(key, 5, after))).toMatchObject({
        code: "history_truncated",
        retryable: false,
        data: { threadId, checkpoint: "mailer", ordinal: 4, nextOrdinal: 6 },
      });
    }
    expect(await checkpoints.read(key)).toBe(3);
    // A place that was lost is not dropped for one that was lost too.
    await checkpoints.save(key, 6);
    await replaceLog(at, threadId, { end: 5, texts: ["d"] });
    expect((await refusal(checkpoints.save(key, 5, told[4]))).code).toBe("history_truncated");
    expect((await refusal(checkpoints.read(key))).code).toBe("history_truncated");
    await checkpoints.save(key, 3, told[2]);
    expect(await checkpoints.read(key)).toBe(3);
  });

  test("know the record that was told also in a line that another program wrote in its own way", async () => {
    const { checkpoints, store, thread, sql } = await place();
    const threadId = await thread(4);
    const timestamp = "2026-11-27T10:00:00.000Z";
    const lines = [
      { type: "event_msg", payload: { type: "user_message", message: "hi" }, timestamp },
      { type: "novel", payload: {}, timestamp },
      { type: "event_msg" },
    ];
    for (const [index, line] of lines.entries()) {
      const body = `${JSON.stringify(line)}\n`;
      await sql("UPDATE {s}.event SET body = convert_to($3, 'UTF8') WHERE thread_id = $1 AND ordinal = $2", [
        threadId,
        index + 1,
        body,
      ]);
    }
    const key = { name: "mailer", threadId };
    await checkpoints.save(key, 2, { timestamp, type: "event_msg" });
    await checkpoints.save(key, 3, { timestamp, type: "novel" });
    for (const [index, record] of (await readLog(store, threadId)).entries()) {
      await checkpoints.save({ ...key, name: "by record" }, index + 1, record);
    }
    for (const none of [null, ""]) await checkpoints.save(key, 4, { timestamp: none, type: "unreadable" });
    expect(await checkpoints.read(key)).toBe(4);
    const wrong = checkpoints.save(key, 3, { timestamp, type: "event_msg" });
    expect((await refusal(wrong)).code).toBe("history_truncated");
  });

  test("are not kept where the log does not reach them, and nothing is changed by that", async () => {
    const { checkpoints, thread } = await place();
    const key = { name: "mailer", threadId: await thread(3) };
    await checkpoints.save(key, 2);
    expect(await refusal(checkpoints.save(key, 4))).toMatchObject({
      code: "history_truncated",
      data: { threadId: key.threadId, checkpoint: "mailer", ordinal: 3, nextOrdinal: 3 },
    });
    expect(await checkpoints.read(key)).toBe(2);
    expect((await refusal(checkpoints.save({ ...key, threadId: newId() }, 1))).code).toBe("thread_not_found");
  });

  test("of forks know records that stand in their sources' rows, also when these go", async () => {
    const at = await place();
    const { checkpoints, store } = at;
    const source = await at.thread(6);
    const fork = async (of: string, text: string): Promise<string> => {
      const fork = { threadId: of, endOrdinal: (await readLog(store, of)).length };
      const { writer } = await store.createThread({ metadata: { cwd: "/fork" }, fork });
      await store.appendItems({ writer, items: [message(text)] });
      await store.shutdownThread(writer);
      return writer.threadId;
    };
    const child = await fork(source, "child");
    const grandchild = await fork(child, "grandchild");
    const log = await readLog(store, grandchild);
    const positions = log.map((_, index) => index + 1);
    for (const position of positions) {
      await checkpoints.save({ name: `at ${position}`, threadId: grandchild }, position);
    }
    const noted = await at.sql(
      "SELECT next_ordinal::int AS n, append_id FROM {s}.feed_checkpoint WHERE thread_id = $1 ORDER BY 1",
      [grandchild],
    );
    for (const { n, append_id: eventId } of noted) {
      expect(eventId).toBe((await store.checkpointOf(grandchild, Number(n) - 1)).eventId);
    }
    await store.deleteThread(child);
    await store.deleteThread(source);
    for (const position of positions) {
      expect(await checkpoints.read({ name: `at ${position}`, threadId: grandchild })).toBe(position);
    }
  });

  test("refuse what is no name, no position and no thread, and say where there is no server", async () => {
    const { checkpoints } = await place();
    const threadId = newId();
    expect((await refusal(checkpoints.save({ name: "", threadId }, 1))).code).toBe("invalid_argument");
    expect((await refusal(checkpoints.save({ name: "a", threadId }, -1))).code).toBe("invalid_argument");
    for (const [position, after] of [
      [0, { timestamp: null, type: "event_msg" }],
      [1, { timestamp: null }],
      [1, "event_msg"],
      [1, { timestamp: null, item: {} }],
    ] as const) {
      const refused = checkpoints.save({ name: "a", threadId }, position, after as never);
      expect((await refusal(refused)).code).toBe("invalid_argument");
    }
    expect((await refusal(checkpoints.read({ name: "a", threadId: "no id" }))).code).toBe("invalid_thread_id");
    await checkpoints.close();
    expect((await refusal(checkpoints.read({ name: "a", threadId }))).code).toBe("runtime_closed");
  });
});
