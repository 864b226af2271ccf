/**
 * A served store whose server lost history says so to its clients: to who listens, and to who follows a thread. The
 * store is a real one, which loses nothing: only what it says is the test's.
 */
import { expect, onTestFinished, test } from "vitest";

import type { AppendableItem } from "../../../src/events/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import type { StoreEvent } from "../../../src/store/index.ts";
import { openRemoteThreadStore, serveThreadStore } from "../../../src/store/remote/index.ts";
import { createFeedHub } from "../../../src/streams/index.ts";
import { withMember } from "./changed-store.ts";

function said(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message } };
}

/** A client of a served store that can say that it lost history, and a thread of three records. */
async function openLosing() {
  const inner = createMemoryThreadStore();
  const listeners = new Set<(event: StoreEvent) => void>();
  const store = withMember(inner, "subscribe", (listener) => {
    listeners.add(listener);
    const leave = inner.subscribe(listener);
    return () => {
      listeners.delete(listener);
      leave();
    };
  });
  const server = await serveThreadStore({ store });
  onTestFinished(() => server.close());
  const client = await openRemoteThreadStore({ url: server.url });
  onTestFinished(() => client.close());
  const { writer } = await inner.createThread({ metadata: { cwd: "/work" } });
  const { threadId } = writer;
  await inner.appendItems({ writer, items: [said("one"), said("two")] });
  const lose = (nextOrdinal: number): void => {
    for (const listener of listeners) listener({ type: "truncated", threadId, nextOrdinal });
  };
  return { client, threadId, lose, say: (text: string) => inner.appendItems({ writer, items: [said(text)] }) };
}

test("a feed over a remote store fails with where the log ends now", async () => {
  const { client, threadId, say, lose } = await openLosing();
  const hub = createFeedHub<never>({ store: client });
  const feed = hub.openFeed({ threadId })[Symbol.asyncIterator]();
  for (let ordinal = 0; ordinal < 3; ordinal += 1) await feed.next();
  const fourth = feed.next();
  // Told by the event: the client listens by then.
  await client.createThread({ metadata: { cwd: "/elsewhere" } });
  await say("three");
  await fourth;
  lose(1);
  await expect(feed.next()).rejects.toMatchObject({
    code: "history_truncated",
    data: { threadId, nextOrdinal: 1, toldOrdinal: 3 },
  });
  hub.close();
});

test("who follows a thread over the wire is told that its log is another one, however long that is", async () => {
  const { client, threadId, lose } = await openLosing();
  const told: number[] = [];
  const following = (async () => {
    for await (const { records } of client.follow(threadId)) {
      told.push(...records.map(({ ordinal }) => ordinal));
      if (told.length === 3) lose(1);
    }
  })();
  await expect(following).rejects.toMatchObject({ code: "history_truncated", data: { threadId, ordinal: 3 } });
  expect(told).toEqual([0, 1, 2]);
});
