/**
 * What a feed keeps of the pages it has read: nothing. Counted with weak references to the pages, after
 * the collector ran.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { expect, test } from "vitest";

import type { HistoryPage } from "../../src/store/index.ts";
import { createFeedHub } from "../../src/streams/index.ts";
import { drainEventLoop } from "../../src/testing/index.ts";
import { createFeedWorld, take } from "./feed-harness.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

test("a feed that goes on keeps no page it has handed out", async () => {
  const texts = Array.from({ length: 120 }, (_, n) => `message ${n}`);
  const { store, threadId } = await createFeedWorld(...texts);
  const pages: WeakRef<HistoryPage>[] = [];
  const watched = Object.create(store, {
    loadHistory: {
      value: async (...args: Parameters<typeof store.loadHistory>) => {
        const page = await store.loadHistory(...args);
        pages.push(new WeakRef(page));
        return page;
      },
    },
    subscribe: { value: store.subscribe.bind(store) },
  }) as typeof store;
  const feed = createFeedHub<never>({ store: watched }).openFeed({ threadId, bufferRecordsMax: 2 });
  const iterator = feed[Symbol.asyncIterator]();
  await take(iterator, 121);
  store.clearJournal();
  await drainEventLoop();
  collectGarbage();
  expect(pages.length).toBeGreaterThan(50);
  expect(pages.filter((page) => page.deref() !== undefined).length).toBeLessThan(5);
  await iterator.return?.();
});
