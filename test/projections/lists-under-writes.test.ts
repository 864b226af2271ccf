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

/** A store whose lists do something between the moment they freeze and the rows they read. */
async function openDisturbed(): Promise<{
  readonly store: ThreadStore;
  readonly clock: SettableClock;
  readonly disturb: { do: (() => Promise<void>) | null };
}> {
  const home = await mkdtemp(join(tmpdir(), "skein-lists-"));
  const clock = createSettableClock();
  const stateDb = await openStateDbWith({ home, clock }, createInlinePool());
  const disturb: { do: (() => Promise<void>) | null } = { do: null };
  const disturbed = new Proxy(stateDb, {
    get(target, member) {
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== "function") return value;
      if (member !== "refresh") return value.bind(target);
      return async (...args: Parameters<StateDb["refresh"]>) => {
        const doing = disturb.do;
        disturb.do = null;
        await doing?.();
        return target.refresh(...args);
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

/** The ids of a walk in pages of one. */
async function walk(store: ThreadStore, params: ListThreadsParams): Promise<readonly string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.listThreads({ ...params, limit: 1, ...(cursor === undefined ? {} : { cursor }) });
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
      disturb.do = () => beginTurn(store, clock, second);
      const ids = await walk(store, { sortKey, sortDirection });
      expect(ids.toSorted()).toEqual(writers.map(({ threadId }) => threadId).toSorted());
    });
  }
}
