/**
 * A node's rows over a real PostgreSQL: what many writers, forks, moves and deletions leave in the rows of a node that
 * only follows, also while a transaction anywhere in the server holds the feed back.
 */
import { join } from "node:path";

import { Client } from "pg";
import { describe, expect, it, onTestFinished } from "vitest";

import { systemClock } from "../../src/base/index.ts";
import type { AppendableItem } from "../../src/events/index.ts";
import type { PostgresThreadStore } from "../../src/postgres/index.ts";
import type { ThreadLogSource } from "../../src/store/index.ts";
import type { StorePlace } from "../../src/testing/index.ts";
import { postgres, postgresFixture } from "../store/postgres/postgres-place.ts";
import { rowsOf, wholeLogs } from "./log-rows-whole.ts";
import { dumpFile, openRows, saidTurn } from "./log-rows-world.ts";
import { createFolder } from "./state-db-fixture.ts";

const LOOK = { isDbOnly: false } as const;

async function newPlace(): Promise<StorePlace> {
  const place = await postgresFixture();
  onTestFinished(() => place.dispose());
  return place;
}

async function openNode(place: StorePlace): Promise<PostgresThreadStore> {
  const store = await place.open();
  onTestFinished(() => store.close());
  // The place opens no other.
  return store as PostgresThreadStore;
}

async function newThread(store: PostgresThreadStore, items: readonly AppendableItem[]): Promise<string> {
  const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
  await store.appendItems({ writer, items });
  await store.shutdownThread(writer);
  return writer.threadId;
}

/** What a writer does in its turns: it makes threads, goes on with them, forks, moves, names and deletes them. */
async function write(store: PostgresThreadStore, writerId: number): Promise<void> {
  for (let round = 0; round < 6; round += 1) {
    const said = `writer ${writerId} in round ${round}`;
    const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
    const { threadId } = writer;
    for (let turn = 0; turn < 3; turn += 1) await store.appendItems({ writer, items: saidTurn(`t-${turn}`, said) });
    await store.shutdownThread(writer);
    if (round % 3 === 0) await store.archiveThread(threadId);
    if (round % 3 === 1) await store.updateThreadMetadata({ threadId, patch: { name: `named ${writerId}` } });
    if (round % 2 === 0) {
      const metadata = { cwd: "/fork" };
      const fork = await store.createThread({ metadata, fork: { threadId, endOrdinal: 6 } });
      await store.appendItems({ writer: fork.writer, items: saidTurn("t-9", `fork of ${said}`) });
      await store.shutdownThread(fork.writer);
    }
    if (round % 3 === 2) await store.deleteThread(threadId);
  }
}

async function expectWhole(source: ThreadLogSource, path: string): Promise<void> {
  const { rollouts, threads, turns, texts, found, names } = dumpFile(path);
  expect({ rollouts, threads, turns, texts, found, names }).toEqual(
    ((whole) => ({
      rollouts: whole.rollouts,
      threads: whole.threads,
      turns: whole.turns,
      texts: whole.texts,
      found: whole.found,
      names: whole.names,
    }))(rowsOf(await wholeLogs(source))),
  );
}

describe.skipIf(postgres.skipped !== null)(
  `on a PostgreSQL${postgres.skipped === null ? "" : `: ${postgres.skipped}`}`,
  () => {
    it("has the rows of folding each log whole, behind many writers on two nodes", { timeout: 60_000 }, async () => {
      const place = await newPlace();
      const [one, other, follower] = [await openNode(place), await openNode(place), await openNode(place)];
      const path = join(createFolder(), "rows.sqlite");
      const rows = await openRows(follower.source, { path });
      const looks = (async (): Promise<void> => {
        for (let look = 0; look < 20; look += 1) await rows.refresh(LOOK);
      })();
      await Promise.all([0, 1, 2, 3, 4, 5].map((writerId) => write(writerId % 2 === 0 ? one : other, writerId)));
      await looks;
      expect(await rows.refresh(LOOK)).toMatchObject({ isComplete: true });
      await rows.close();
      await expectWhole(follower.source, path);
    });

    it("goes on from its file's cursor, and is made anew without the file", { timeout: 30_000 }, async () => {
      const place = await newPlace();
      const store = await openNode(place);
      const path = join(createFolder(), "rows.sqlite");
      await write(store, 1);
      const rows = await openRows(store.source, { path });
      await rows.refresh(LOOK);
      await rows.close();
      await write(store, 2);
      const again = await openRows(store.source, { path });
      await again.refresh(LOOK);
      await again.close();
      await expectWhole(store.source, path);
      const anew = join(createFolder(), "rows.sqlite");
      const fresh = await openRows(store.source, { path: anew });
      await fresh.refresh(LOOK);
      await fresh.close();
      expect(dumpFile(anew)).toEqual(dumpFile(path));
    });

    it("sees what is acknowledged while a transaction holds the feed back", { timeout: 30_000 }, async () => {
      const place = await newPlace();
      const [store, follower] = [await openNode(place), await openNode(place)];
      await newThread(store, saidTurn("t-1", "before"));
      await follower.rows.refresh(LOOK);
      const holder = new Client({ connectionString: postgres.url });
      await holder.connect();
      onTestFinished(() => holder.end());
      await holder.query("BEGIN");
      await holder.query("SELECT pg_current_xact_id()");
      const threadId = await newThread(store, saidTurn("t-1", "held back"));

      expect(await follower.rows.refresh(LOOK)).toMatchObject({ isComplete: true });
      const found = await follower.rows.search({ query: "held back" });
      expect(found.data.map(({ thread }) => thread.id)).toEqual([threadId]);
      await holder.query("COMMIT");
    });

    it("waits on one node for what another one writes", { timeout: 30_000 }, async () => {
      const place = await newPlace();
      const [store, follower] = [await openNode(place), await openNode(place)];
      const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
      const { threadId } = writer;
      const first = await store.appendItems({ writer, items: saidTurn("t-1", "one") });
      await follower.rows.whenApplied({ threadId, nextOrdinal: first.nextOrdinal });

      const waiting = follower.rows.whenApplied({ threadId, nextOrdinal: first.nextOrdinal + 1 });
      const { nextOrdinal } = await store.appendItems({ writer, items: saidTurn("t-2", "two") });
      await waiting;
      const thread = await follower.source.thread(threadId);
      const read = thread === undefined ? undefined : await follower.rows.read(thread);
      expect(read?.nextOrdinal).toBe(nextOrdinal);
      expect(follower.rows.lag().asOfMs).toBeLessThanOrEqual(systemClock.nowMs());
    });

    it("shows a thread that was deleted and made anew with its id as the new one", { timeout: 30_000 }, async () => {
      const place = await newPlace();
      const [store, follower] = [await openNode(place), await openNode(place)];
      const threadId = await newThread(store, saidTurn("t-1", "the first life"));
      await follower.rows.refresh(LOOK);
      await store.deleteThread(threadId);
      const { writer } = await store.createThread({ threadId, metadata: { cwd: "/again" } });
      await store.appendItems({ writer, items: saidTurn("t-7", "the second life") });
      expect((await follower.readThread({ threadId })).preview).toBe("the second life");
      const { data } = await follower.listThreads();
      expect(data.map(({ id, cwd, preview }) => [id, cwd, preview])).toEqual([[threadId, "/again", "the second life"]]);
      expect((await follower.searchThreads({ query: "first life" })).data).toEqual([]);
    });
  },
);
