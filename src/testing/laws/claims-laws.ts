/**
 * Laws of what a store claims: its handles say of themselves what its author says of it, what they say of their
 * durability is what appends are answered with, and what a store doesn't claim it refuses, instead of doing it a
 * little. A call that answers nothing, or half, tells its caller a lie.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import { durabilityOfStore, type StoreDurability, type ThreadStore } from "../../store/index.ts";
import { plainMetadata, seedThread, userMessage } from "../law-steps.ts";
import { allRefused, type BadCall } from "../refusal-steps.ts";
import { readPlace } from "../place-reading.ts";
import type { StoreNeed } from "../store-claims.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file. */
export const claimsLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "claims.agree",
    title: "every handle's capabilities are what is claimed of the store, and stay so",
    runs: 3,
    generator: fc.record({ threads: fc.nat(2), reopenings: fc.nat(2) }),
    holds: capabilitiesAgree,
  }),
  storeLaw({
    id: "claims.durability",
    title: "a handle's durability is what appends are answered with, and a quorum only where standbys are waited for",
    runs: 3,
    generator: fc.record({ appends: fc.integer({ min: 1, max: 3 }), reopenings: fc.integer({ min: 1, max: 2 }) }),
    holds: durabilityIsKept,
  }),
  lackingLaw({
    id: "claims.search",
    title: "a store without search refuses to search",
    lacks: "search",
    calls: ({ store, query }) => [() => store.searchThreads({ query })],
  }),
  lackingLaw({
    id: "claims.item-lists",
    title: "a store without lists of items refuses to list them",
    lacks: "itemLists",
    calls: ({ store, threadId }) => [
      () => store.listItems({ threadId }),
      () => store.listItems({ threadId, limit: 1 }),
    ],
  }),
  lackingLaw({
    id: "claims.paths",
    title: "a store without rollout files shows no paths, and refuses to read or resume by one",
    lacks: "paths",
    calls: ({ store, threadId, query }) => [
      () => store.readThreadByRolloutPath({ rolloutPath: `/nowhere/${query}.jsonl` }),
      () => store.readThreadByRolloutPath({ rolloutPath: `${threadId}.jsonl`, includeHistory: true }),
      () => store.resumeThread({ threadId, rolloutPath: `/nowhere/${query}.jsonl` }),
    ],
  }),
  lackingLaw({
    id: "claims.archive",
    title: "a store without an archive refuses to archive and to unarchive, and lists nothing as archived",
    lacks: "archive",
    calls: ({ store, threadId }) => [() => store.archiveThread(threadId), () => store.unarchiveThread(threadId)],
  }),
  lackingLaw({
    id: "claims.delete",
    title: "a store without deleting refuses to delete",
    lacks: "delete",
    calls: ({ store, threadId }) => [() => store.deleteThread(threadId)],
  }),
  lackingLaw({
    id: "claims.fork",
    title: "a store without forks refuses to fork, and makes no thread instead",
    lacks: "fork",
    calls: ({ store, threadId }) =>
      [0, 1, 2].map(
        (endOrdinal) => () => store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal } }),
      ),
  }),
];

interface Life {
  readonly threads: number;
  readonly reopenings: number;
}

async function capabilitiesAgree(place: LawPlace, { threads, reopenings }: Life): Promise<void> {
  const { durability, search, paths, reopen } = place.claims;
  let store = await place.open();
  for (let opened = 0; ; opened += 1) {
    deepEqual({ ...store.capabilities }, { durability, search, paths, reopen });
    for (let n = 0; n < threads; n += 1) {
      const { id } = await seedThread(store);
      const { path } = await store.readThread({ threadId: id });
      equal(path !== null, paths, "a thread has a path where the store has paths");
    }
    deepEqual({ ...store.capabilities }, { durability, search, paths, reopen }, "also behind its first writes");
    if (opened >= reopenings || !reopen) return;
    store = await place.reopen(store);
  }
}

async function durabilityIsKept(
  place: LawPlace,
  { appends, reopenings }: { readonly appends: number; readonly reopenings: number },
): Promise<void> {
  let store = await place.open();
  for (let opened = 0; ; opened += 1) {
    soundDurability(store);
    const { writer } = await seedThread(store);
    for (let n = 0; n < appends; n += 1) {
      const { durability } = await store.appendItems({ writer, items: [userMessage(`message ${n}`)] });
      equal(soundDurability(store).acknowledged, durability, "a handle says what its appends are answered with");
    }
    if (opened >= reopenings || !place.claims.reopen) return;
    store = await place.reopen(store);
  }
}

/** What a handle says of its durability, when that contradicts nothing of itself. */
function soundDurability(store: ThreadStore): StoreDurability {
  const durability = durabilityOfStore(store);
  const { acknowledged, scope, standbys } = durability;
  ok(["fsync", "os", "memory"].includes(acknowledged), `no durability is called ${JSON.stringify(acknowledged)}`);
  ok(Number.isSafeInteger(standbys) && standbys >= 0, `standbys are a whole number of 0 or more, not ${standbys}`);
  equal(scope, standbys > 0 ? "quorum" : "local", `what it says with ${standbys} standbys`);
  return durability;
}

/** What the calls are made of. */
interface Lacking {
  readonly store: ThreadStore;
  readonly threadId: string;
  readonly query: string;
}

interface LackingLawOptions {
  readonly id: string;
  readonly title: string;
  readonly lacks: StoreNeed;
  readonly calls: (lacking: Lacking) => readonly (() => Promise<unknown>)[];
}

/** The law that each of these calls is refused by a store that lacks what they take, and changes nothing. */
function lackingLaw({ id, title, lacks, calls }: LackingLawOptions): StoreLaw {
  return storeLaw({
    id,
    title,
    lacks: [lacks],
    runs: 3,
    generator: fc.record({ messages: fc.array(fc.constantFrom("hello", "needle"), { minLength: 1, maxLength: 3 }) }),
    holds: async (place, { messages }: { readonly messages: readonly string[] }) => {
      const store = await place.open();
      for (const message of messages) {
        const { id: threadId } = await seedThread(store, [userMessage(message)]);
        await allRefused(store, calls({ store, threadId, query: message }).map(toBadCall));
      }
      const { threads } = await readPlace(store);
      if (lacks === "paths")
        equal(
          threads.find(({ path }) => path !== null),
          undefined,
        );
      if (lacks === "archive")
        equal(
          threads.find(({ archived }) => archived),
          undefined,
        );
    },
  });
}

function toBadCall(run: () => Promise<unknown>, index: number): BadCall {
  return { what: `call ${index}`, code: "unsupported", orCode: "state_db_required", run };
}
