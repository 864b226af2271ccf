/**
 * Laws of consumers that keep a checkpoint of their own: the ordinal behind the last record they are done with. A
 * consumer is stopped at any moment, goes on from its checkpoint, and by that has been given every record: once
 * where the checkpoint followed the record, and again where it was stopped between the two.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import { createFeedHub } from "../../streams/index.ts";
import { arbBatch } from "../arbitraries/index.ts";
import { nextRecord } from "../feed-steps.ts";
import { readLog, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const arbRounds = fc.array(
  fc.record({
    /** Appended while it runs. */
    items: arbBatch(3),
    /** Records it is given before it is stopped. */
    takes: fc.nat(4),
    /** Stopped with its last record done, or between the record and the checkpoint. */
    losesCheckpoint: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

/** The laws of this file. */
export const feedConsumerLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "feed.checkpoint",
    title: "a consumer that goes on from its checkpoint is given every record, again only what it had not noted",
    generator: arbRounds,
    holds: (place, rounds) => checkpointsGoOn(place, { rounds, reopens: false }),
  }),
  storeLaw({
    id: "feed.checkpoint-reopened",
    title: "a consumer's checkpoint holds after reopening",
    needs: ["reopen"],
    runs: 10,
    generator: arbRounds,
    holds: (place, rounds) => checkpointsGoOn(place, { rounds, reopens: true }),
  }),
];

interface Consuming {
  readonly rounds: readonly {
    readonly items: readonly AppendableItem[];
    readonly takes: number;
    readonly losesCheckpoint: boolean;
  }[];
  readonly reopens: boolean;
}

async function checkpointsGoOn(place: LawPlace, { rounds, reopens }: Consuming): Promise<void> {
  let store = await place.open();
  const { id: threadId, ...seeded } = await seedThread(store);
  let { writer } = seeded;
  const given: RolloutRecord[] = [];
  let repeats = 0;
  let checkpoint = 0;
  let end = 2;
  const last = { items: [userMessage("the last")], takes: Infinity, losesCheckpoint: false };
  for (const { items, takes, losesCheckpoint } of [...rounds, last]) {
    const hub = createFeedHub<string>({ store });
    const iterator = hub.openFeed({ threadId, from: checkpoint, bufferRecordsMax: 2 })[Symbol.asyncIterator]();
    const append = store.appendItems({ writer, items });
    end += items.length;
    const count = Math.min(takes, end - checkpoint);
    for (let nth = 1; nth <= count; nth += 1) {
      const record = await nextRecord(iterator);
      equal(record.ordinal, checkpoint, "goes on at the checkpoint, in order");
      given.push(record);
      if (losesCheckpoint && nth === count) repeats += 1;
      else checkpoint = record.ordinal + 1;
    }
    equal((await append).nextOrdinal, end);
    await iterator.return();
    hub.close();
    if (!reopens) continue;
    ok(place.reopen !== undefined, "a place that is claimed to be reopened can be");
    store = await place.reopen(store);
    ({ writer } = await store.resumeThread({ threadId }));
  }
  const log = await readLog(store, threadId);
  equal(given.length, log.length + repeats, "nothing is given again but what was not noted");
  const once = new Map(given.map((record) => [record.ordinal, record]));
  deepEqual([...once.values()], log);
}
