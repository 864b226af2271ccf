/**
 * A server that loses history: its standby lagged behind, and is promoted when the primary is killed. Feeds over the
 * handles that lived through it end with `history_truncated` where they had been told of what is lost, or could have
 * read it, and go on where they hadn't.
 */
import { describe, expect, it, onTestFinished, vi } from "vitest";

import type { RolloutRecord } from "../../../src/events/index.ts";
import type { StoreEvent, ThreadStore } from "../../../src/store/index.ts";
import { createFeedHub, type FeedEvent } from "../../../src/streams/index.ts";
import { startLaggingPair } from "./lagging-pair.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres } from "./postgres-place.ts";

interface Follower {
  readonly texts: readonly string[];
  /** Resolves with the error that the feed ends with. */
  readonly failure: Promise<unknown>;
}

/** Reads a thread's feed as it comes. */
function follow(store: ThreadStore, threadId: string, from: number | "end" = 0): Follower {
  const hub = createFeedHub<never>({ store });
  onTestFinished(() => hub.close());
  const texts: string[] = [];
  const take = (event: FeedEvent<never>): void => {
    const records: readonly RolloutRecord[] = event.type === "record" ? [event.record] : [];
    texts.push(...textsOf(records));
  };
  const failure = new Promise<unknown>((resolve) => {
    hub.openFeed({ threadId, from }).subscribe({ next: take, error: resolve });
  });
  return { texts, failure };
}

async function settled({ texts }: Follower, wanted: readonly string[]): Promise<void> {
  await vi.waitFor(() => expect(texts).toEqual(wanted), 10_000);
}

describe.skipIf(postgres.skipped !== null)("a server that failed over to a standby that lagged", () => {
  it("ends the feeds that were told of what is lost, or have read it, and none else", async () => {
    const pair = await startLaggingPair();
    const lab = postgresLab(pair.url);
    const [one, two, three] = [await lab.open(), await lab.open(), await lab.open()];
    const lost = await seedThread(one, ["kept"]);
    const whole = await seedThread(one, ["whole"]);
    await pair.stall();
    const tellers = [follow(one, lost.threadId), follow(two, lost.threadId)];
    const kept = [follow(one, whole.threadId), follow(two, whole.threadId)];
    await one.appendItems({ writer: lost.writer, items: [message("lost"), message("lost too")] });
    for (const feed of tellers) await settled(feed, ["kept", "lost", "lost too"]);
    // It was told nothing, and has read what is lost.
    const late = follow(three, lost.threadId);
    await settled(late, ["kept", "lost", "lost too"]);
    for (const feed of kept) await settled(feed, ["whole"]);

    await pair.failOver();
    for (const feed of [...tellers, late]) {
      expect(await feed.failure).toMatchObject({
        code: "history_truncated",
        data: { threadId: lost.threadId, nextOrdinal: 2, toldOrdinal: 3 },
      });
    }
    expect((await refusal(one.appendItems({ writer: lost.writer, items: [message("late")] }))).code).toBe(
      "writer_fenced",
    );
    for (const { threadId } of [lost, whole]) {
      // Its owner drops its leases when it has met the server, which may be a moment later.
      const { writer } = await vi.waitFor(() => two.resumeThread({ threadId }), 10_000);
      await two.appendItems({ writer, items: [message("after")] });
    }
    for (const feed of kept) await settled(feed, ["whole", "after"]);
    await settled(follow(one, lost.threadId), ["kept", "after"]);
    expect(tellers.map(({ texts }) => texts.length)).toEqual([3, 3]);
    expect(textsOf(await readLog(three, lost.threadId))).toEqual(["kept", "after"]);
  }, 90_000);

  it("tells first that a thread's records are lost where they are overwritten at once, and of one that is gone", async () => {
    const pair = await startLaggingPair();
    const lab = postgresLab(pair.url);
    const store = await lab.open();
    const over = await seedThread(store, ["kept"]);
    await pair.stall();
    const heard: StoreEvent[] = [];
    onTestFinished(store.subscribe((event) => heard.push(event)));
    await store.appendItems({ writer: over.writer, items: [message("lost"), message("lost too")] });
    const gone = await seedThread(store, ["lost"]);
    const [ofOver, ofGone] = [follow(store, over.threadId), follow(store, gone.threadId)];
    await settled(ofOver, ["kept", "lost", "lost too"]);
    await settled(ofGone, ["lost"]);
    const checkpoint = await store.checkpointOf(over.threadId, 3);
    const begun = heard.length;

    await pair.failOver();
    const { writer, nextOrdinal } = await store.resumeThread({ threadId: over.threadId });
    expect(nextOrdinal).toBe(2);
    const others = ["other", "others", "more"].map(message);
    await store.appendItems({ writer, items: others });
    await store.discardThread(gone.writer);
    const anew = await store.createThread({ threadId: gone.threadId, metadata: { cwd: "/anew" } });
    await store.appendItems({ writer: anew.writer, items: [message("anew")] });
    const told = (threadId: string): readonly string[] =>
      heard.slice(begun).flatMap((event) => (event.threadId === threadId ? [event.type] : []));
    expect(told(over.threadId)).toEqual(["truncated", "appended"]);
    expect(told(gone.threadId)).toEqual(["truncated", "created", "appended"]);
    expect(await ofOver.failure).toMatchObject({
      code: "history_truncated",
      data: { nextOrdinal: 2, toldOrdinal: 3 },
    });
    expect(await ofGone.failure).toMatchObject({ code: "history_truncated", data: { nextOrdinal: 0, toldOrdinal: 1 } });
    // The log is long enough again: the pair of ordinal and id says that it is another one.
    expect((await refusal(store.checkCheckpoint(checkpoint))).code).toBe("history_truncated");
  }, 90_000);
});
