/**
 * Laws of what feeds are told when their thread goes somewhere else, is deleted, or the hub is closed: what was
 * appended before is told, then the end, and nobody waits for ever.
 */
import { deepEqual, ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import { createFeedHub, type FeedHub } from "../../streams/index.ts";
import { arbBatches } from "../arbitraries/index.ts";
import { follow, type FollowerKind } from "../feed-steps.ts";
import { plainMetadata, readLog, seedThread, userMessage } from "../law-steps.ts";
import { drainEventLoop } from "../manual-clock.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const arbKind = fc.constantFrom<FollowerKind>("iterator", "observable");

/** The laws of this file. */
export const feedEndLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "feed.archive",
    title: "a feed goes on through archiving and back, beside appends in flight, and the moves are told",
    needs: ["archive"],
    runs: 10,
    generator: fc.record({ batches: arbBatches(4), kind: arbKind }),
    holds: feedFollowsMoves,
  }),
  storeLaw({
    id: "feed.deleted",
    title: "a feed of a deleted thread tells what it held and ends, and one that lagged has told a prefix",
    needs: ["delete"],
    runs: 10,
    generator: fc.record({ batches: arbBatches(3), isOpen: fc.boolean() }),
    holds: deletionEndsFeeds,
  }),
  storeLaw({
    id: "feed.closed",
    title: "a closed hub's feeds tell what was appended before and end, and none can be begun",
    runs: 10,
    generator: fc.record({ batches: arbBatches(3), kind: arbKind }),
    holds: closeEndsFeeds,
  }),
];

interface Moving {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly kind: FollowerKind;
}

/** Follows the whole runtime; the array fills as events come. */
function runtimeEvents(hub: FeedHub<string>): readonly string[] {
  const told: string[] = [];
  hub.openRuntimeFeed().subscribe((event) => told.push(event.type));
  return told;
}

async function feedFollowsMoves(place: LawPlace, { batches, kind }: Moving): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  const told = runtimeEvents(hub);
  const follower = follow(hub.openFeed({ threadId, bufferRecordsMax: 2 }), { kind });
  for (const [index, items] of batches.entries()) {
    const move = index % 2 === 0 ? store.archiveThread(threadId) : store.unarchiveThread(threadId);
    await Promise.all([move, store.appendItems({ writer, items })]);
  }
  const late = follow(hub.openFeed({ threadId, bufferRecordsMax: 2 }), { kind });
  const log = await readLog(store, threadId);
  for (const one of [follower, late]) {
    await one.until(log.length);
    deepEqual(one.records, log);
  }
  hub.close();
  await follower.untilEnd();
  deepEqual(
    told,
    batches.map((_, index) => (index % 2 === 0 ? "thread_archived" : "thread_unarchived")),
  );
}

interface Deleted {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly isOpen: boolean;
}

async function deletionEndsFeeds(place: LawPlace, { batches, isOpen }: Deleted): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store);
  const other = await seedThread(store);
  const hub = createFeedHub<string>({ store });
  const told = runtimeEvents(hub);
  const caughtUp = (["iterator", "observable"] as const).map((kind) => follow(hub.openFeed({ threadId }), { kind }));
  const beside = follow(hub.openFeed({ threadId: other.id }), { kind: "iterator" });
  const lagging = hub.openFeed({ threadId, bufferRecordsMax: 1 })[Symbol.asyncIterator]();
  const first = await lagging.next();
  for (const items of batches) await store.appendItems({ writer, items });
  const log = await readLog(store, threadId);
  for (const follower of caughtUp) await follower.until(log.length);
  if (!isOpen) await store.shutdownThread(writer);
  await store.deleteThread(threadId);
  await drainEventLoop();
  deepEqual(told, ["thread_deleted"]);
  for (const follower of caughtUp) {
    await follower.untilEnd();
    deepEqual(follower.records, log);
  }
  const rest: unknown[] = [];
  for await (const event of lagging) rest.push(event.type === "record" ? event.record : event);
  deepEqual([first.value?.type === "record" ? first.value.record : null, ...rest], log.slice(0, rest.length + 1));
  const answer = await store.appendItems({ writer: other.writer, items: [userMessage("goes on")] });
  await beside.until(answer.nextOrdinal);
  hub.close();
}

interface Closed {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly kind: FollowerKind;
}

async function closeEndsFeeds(place: LawPlace, { batches, kind }: Closed): Promise<void> {
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  await store.persistThread(writer);
  const { threadId } = writer;
  const hub = createFeedHub<string>({ store });
  const feed = hub.openFeed({ threadId });
  const follower = follow(feed, { kind });
  await follower.until(1);
  await drainEventLoop();
  for (const items of batches) await store.appendItems({ writer, items });
  // At once: what was told is held, and told on.
  hub.close();
  await follower.untilEnd();
  deepEqual(follower.records, await readLog(store, threadId));
  const late = follow(feed, { kind: "observable" });
  await late.until(1).then(
    () => Promise.reject(new Error("a closed hub begins a feed")),
    (error: unknown) => ok(isSkeinError(error, "runtime_closed"), String(error)),
  );
  await store.appendItems({ writer, items: [userMessage("unheard")] });
  deepEqual(hub.stats(), { threads: 0, subscriptions: 0, runtimeSubscriptions: 0 });
}
