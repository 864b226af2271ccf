/**
 * Lists by rows beside writes that come at the worst moment: after a walk has frozen its time, and before it reads
 * its rows. A walk is complete and gives each thread once, whatever is written then (L3).
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect, it, onTestFinished } from "vitest";

import { createInlinePool, openStateDbWith, type StateDb } from "../../src/projections/index.ts";
import type { ListThreadsParams, ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import { openLocalThreadStore } from "../../src/store/local/index.ts";
import { createSettableClock, type SettableClock } from "../../src/testing/index.ts";

/** Done once, at a moment of a list: before it reads its rows, or behind that. */
interface Disturbance {
  before: (() => Promise<void>) | null;
  behind: (() => Promise<void>) | null;
}

/** A store whose lists can be disturbed. */
async function openDisturbed(): Promise<{
  readonly store: ThreadStore;
  readonly clock: SettableClock;
  readonly disturb: Disturbance;
}> {
  const home = await mkdtemp(join(tmpdir(), "skein-lists-"));
  const clock = createSettableClock();
  const stateDb = await openStateDbWith({ home, clock }, createInlinePool());
  const disturb: Disturbance = { before: null, behind: null };
  const doOnce = async (when: keyof Disturbance): Promise<void> => {
    const doing = disturb[when];
    disturb[when] = null;
    await doing?.();
  };
  const disturbed = new Proxy(stateDb, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== "function") return value;
      if (member === "refresh") {
        return async (...args: Parameters<StateDb["refresh"]>) => {
          await doOnce("before");
          return target.refresh(...args);
        };
      }
      if (member !== "list") return value.bind(target);
      return async (...args: Parameters<StateDb["list"]>) => {
        const found = await target.list(...args);
        await doOnce("behind");
        return found;
      };
    },
  });
  const store = await openLocalThreadStore({ home, clock, durability: "os", stateDb: disturbed });
  onTestFinished(async () => {
    await store.close();
    await stateDb.close();
    await rm(home, { recursive: true, force: true });
  });
  return { store, clock, disturb };
}

async function beginTurn(store: ThreadStore, clock: SettableClock, writer: ThreadWriter): Promise<void> {
  clock.advance(1_000);
  await store.appendItems({ writer, items: [{ type: "event_msg", payload: { type: "user_message", message: "on" } }] });
}

/** The ids of a walk: a page of one, and then in pages of `limit`. */
async function walk(
  store: ThreadStore,
  { limit = 1, ...params }: ListThreadsParams,
  afterFirst?: () => Promise<void>,
): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    if (ids.length === 1) await afterFirst?.();
    const page = await store.listThreads({
      ...params,
      limit: ids.length === 0 ? 1 : limit,
      ...(cursor === undefined ? {} : { cursor }),
    });
    ids.push(...page.data.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return ids;
}

for (const sortKey of ["recency_at", "updated_at"] as const) {
  for (const sortDirection of ["asc", "desc"] as const) {
    it(`gives each thread once by ${sortKey} ${sortDirection} though one becomes the newest as the walk begins`, async () => {
      const { store, clock, disturb } = await openDisturbed();
      const writers: ThreadWriter[] = [];
      for (let n = 0; n < 4; n += 1) {
        const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
        await beginTurn(store, clock, writer);
        writers.push(writer);
      }
      // Each has an older turn and a newer one, so that an earlier moment would put it elsewhere.
      for (const writer of writers) await beginTurn(store, clock, writer);
      const [, second] = writers;
      if (second === undefined) throw new Error("no thread");
      disturb.before = () => beginTurn(store, clock, second);
      const ids = await walk(store, { sortKey, sortDirection });
      expect(ids.toSorted()).toEqual(writers.map(({ threadId }) => threadId).toSorted());
    });
  }
}

for (const sortKey of ["recency_at", "updated_at"] as const) {
  it(`gives no thread twice by ${sortKey} though one that was given is put away while a page is made`, async () => {
    const { store, clock, disturb } = await openDisturbed();
    const writers: ThreadWriter[] = [];
    for (let n = 0; n < 4; n += 1) {
      const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
      await beginTurn(store, clock, writer);
      writers.push(writer);
    }
    const [oldest, second, third, newest] = writers;
    if (oldest === undefined || newest === undefined) throw new Error("no threads");
    // Given first, though it was made first: at the time of its making it would come again.
    await beginTurn(store, clock, oldest);
    const ids = await walk(store, { sortKey, sortDirection: "desc", limit: 10 }, async () => {
      await beginTurn(store, clock, oldest);
      disturb.behind = () => store.archiveThread(oldest.threadId);
    });
    expect(ids).toEqual([oldest, newest, third, second].map((writer) => writer?.threadId));
  });
}
