/**
 * Laws about bad input: each wrong shape is refused with its code, and nothing has changed. The types
 * forbid most of it; callers over a wire and in plain JavaScript have no types. The shapes come from a table
 * of every member of every call.
 */
import { deepEqual, equal, fail } from "node:assert/strict";

import fc from "fast-check";

import { canonicalThreadId } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { SortKey, ThreadStore } from "../../store/index.ts";
import { arbBadThreadId, arbOfOtherKind, callMembers } from "../call-members.ts";
import { plainMetadata, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { allRefused, arbShapes, type BadCall, badMemberCalls, type Shapes } from "../refusal-steps.ts";
import { meetsNeed, type StoreNeed } from "../store-claims.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";
import { badItemLaws } from "./bad-item-laws.ts";

/** A call that takes a thread's id, and what of a store it needs. */
interface IdCall {
  readonly name: string;
  readonly needs?: StoreNeed;
  readonly isRead?: boolean;
  readonly run: (store: ThreadStore, threadId: string) => Promise<unknown>;
}

const idCalls: readonly IdCall[] = [
  { name: "resumeThread", run: (store, threadId) => store.resumeThread({ threadId }) },
  { name: "loadHistory", isRead: true, run: (store, threadId) => store.loadHistory({ threadId }) },
  { name: "loadWindow", isRead: true, run: (store, threadId) => store.loadWindow(threadId) },
  { name: "readThread", isRead: true, run: (store, threadId) => store.readThread({ threadId }) },
  { name: "listTurns", isRead: true, run: (store, threadId) => store.listTurns({ threadId }) },
  { name: "listItems", isRead: true, needs: "itemLists", run: (store, threadId) => store.listItems({ threadId }) },
  {
    name: "updateThreadMetadata",
    run: (store, threadId) => store.updateThreadMetadata({ threadId, patch: { name: "x" } }),
  },
  { name: "archiveThread", needs: "archive", run: (store, threadId) => store.archiveThread(threadId) },
  { name: "unarchiveThread", needs: "archive", run: (store, threadId) => store.unarchiveThread(threadId) },
  { name: "deleteThread", needs: "delete", run: (store, threadId) => store.deleteThread(threadId) },
  {
    name: "fork",
    needs: "fork",
    run: (store, threadId) => store.createThread({ metadata: plainMetadata, fork: { threadId, endOrdinal: 0 } }),
  },
];
const sortKeys = ["created_at", "updated_at", "recency_at"] as const;

/** The laws of this file, and of bad items. */
export const badInputLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "bad-input.thread-ids",
    title: "an id that is no UUID is refused as such, an unknown one as not found, everywhere",
    generator: arbShapes(
      idCalls.map(({ name }) => name),
      () => fc.oneof<fc.Arbitrary<unknown>[]>(fc.uuid(), arbBadThreadId(), arbOfOtherKind("text")),
    ),
    holds: badIdsAreRefused,
  }),
  storeLaw({
    id: "bad-input.spellings",
    title: "every spelling of a thread's id names the thread",
    runs: 10,
    generator: fc.array(arbSpelling(), { minLength: 1, maxLength: 5 }),
    holds: spellingsNameTheThread,
  }),
  storeLaw({
    id: "bad-input.shapes",
    title: "each wrong shape is refused with its code and changes nothing",
    generator: arbShapes(Object.keys(callMembers), (member) => callMembers[member]?.wrong),
    holds: wrongShapesChangeNothing,
  }),
  storeLaw({
    id: "bad-input.cursors",
    title: "a cursor of another list, another order or another thread is refused",
    runs: 8,
    generator: fc.record({
      threads: fc.integer({ min: 2, max: 4 }),
      uses: fc.array(fc.record({ from: arbCursorUse(), to: arbCursorUse() }), {
        minLength: 1,
        maxLength: 12,
        size: "max",
      }),
    }),
    holds: strangeCursorsAreRefused,
  }),
  storeLaw({
    id: "bad-input.paths",
    title: "a thread with a rollout file reads, and is resumed, by its path",
    needs: ["paths"],
    runs: 6,
    generator: fc.array(fc.constantFrom("live" as const, "archived" as const), { minLength: 1, maxLength: 3 }),
    holds: threadsReadByTheirPaths,
  }),
  ...badItemLaws,
];

async function badIdsAreRefused(place: LawPlace, ids: Shapes): Promise<void> {
  const store = await place.open();
  await seedThread(store);
  const calls = Object.entries(ids).flatMap(([name, id]): readonly BadCall[] => {
    const call = idCalls.find((candidate) => candidate.name === name) ?? fail(`no call is named ${name}`);
    if (call.needs !== undefined && !meetsNeed(place.claims, call.needs)) return [];
    const isUuid = typeof id === "string" && canonicalThreadId(id) !== undefined;
    const code = isUuid ? "thread_not_found" : "invalid_thread_id";
    return [{ what: name, code, run: async () => call.run(store, id as never) }];
  });
  await allRefused(store, calls);
}

/** How an id is written. */
interface Spelling {
  /** Of each of its signs. */
  readonly capitals: readonly boolean[];
  readonly hyphens: boolean;
  readonly around: "" | "{}" | "urn:uuid:" | "URN:UUID:";
}

function arbSpelling(): fc.Arbitrary<Spelling> {
  return fc.record({
    capitals: fc.array(fc.boolean(), { maxLength: 36, size: "max" }),
    hyphens: fc.boolean(),
    around: fc.constantFrom("" as const, "{}" as const, "urn:uuid:" as const, "URN:UUID:" as const),
  });
}

function spelled(id: string, { capitals, hyphens, around }: Spelling): string {
  const signs = id
    .split("")
    .map((sign, index) => (capitals[index] === true ? sign.toUpperCase() : sign))
    .join("");
  const bare = hyphens ? signs : signs.replaceAll("-", "");
  return around === "{}" ? `{${bare}}` : `${around}${bare}`;
}

async function spellingsNameTheThread(place: LawPlace, spellings: readonly Spelling[]): Promise<void> {
  const store = await place.open();
  const { id } = await seedThread(store);
  const reads = idCalls.filter(
    ({ isRead, needs }) => isRead && (needs === undefined || meetsNeed(place.claims, needs)),
  );
  const answers = await Promise.all(reads.map(({ run }) => run(store, id)));
  for (const spelling of spellings) {
    const threadId = spelled(id, spelling);
    deepEqual(await Promise.all(reads.map(({ run }) => run(store, threadId))), answers, threadId);
    equal((await store.resumeThread({ threadId })).writer.threadId, id);
    equal((await store.updateThreadMetadata({ threadId, patch: { name: null } })).id, id);
    await refused(store.createThread({ threadId, metadata: plainMetadata }), "thread_exists");
  }
}

async function wrongShapesChangeNothing(place: LawPlace, shapes: Shapes): Promise<void> {
  const store = await place.open();
  const thread = await seedThread(store);
  const { claims } = place;
  await allRefused(
    store,
    badMemberCalls({ store, thread, claims }, shapes, (member) => callMembers[member]?.wrongCode),
  );
}

/** A page, and the call that gives it. */
type CursorUse =
  | { readonly call: "listThreads"; readonly sortKey: SortKey }
  | { readonly call: "listTurns" | "listItems"; readonly nth: number };

function arbCursorUse(): fc.Arbitrary<CursorUse> {
  return fc.oneof(
    fc.record({ call: fc.constant("listThreads" as const), sortKey: fc.constantFrom(...sortKeys) }),
    fc.record({ call: fc.constantFrom("listTurns" as const, "listItems" as const), nth: fc.nat(3) }),
  );
}

interface StrangeCursors {
  readonly threads: number;
  readonly uses: readonly { readonly from: CursorUse; readonly to: CursorUse }[];
}

async function strangeCursorsAreRefused(place: LawPlace, { threads, uses }: StrangeCursors): Promise<void> {
  const store = await place.open();
  const ids: string[] = [];
  for (let n = 0; n < threads; n += 1) {
    // A turn of another name in each thread.
    const begun: AppendableItem = { type: "event_msg", payload: { type: "task_started", turn_id: `turn of ${n}` } };
    ids.push((await seedThread(store, [begun, userMessage("hello")])).id);
  }
  const idOf = (nth: number): string => ids[nth % ids.length] ?? fail("there are threads");
  const page = (use: CursorUse, cursor?: string): Promise<{ readonly backwardsCursor: string | null }> => {
    const at = cursor === undefined ? {} : { cursor };
    if (use.call === "listThreads") return store.listThreads({ sortKey: use.sortKey, ...at });
    const isItems = use.call === "listItems" && place.claims.itemLists;
    const params = { threadId: idOf(use.nth), ...at };
    return isItems ? store.listItems(params) : store.listTurns(params);
  };
  const isStrange = (from: CursorUse, to: CursorUse): boolean => {
    if (from.call === "listThreads" || to.call === "listThreads") {
      return (
        from.call !== to.call ||
        (from.call === "listThreads" && to.call === "listThreads" && from.sortKey !== to.sortKey)
      );
    }
    return idOf(from.nth) !== idOf(to.nth);
  };
  const calls: BadCall[] = [];
  for (const { from, to } of uses) {
    if (!isStrange(from, to)) continue;
    const { backwardsCursor } = await page(from);
    const cursor = backwardsCursor ?? fail("a page with something in it leads back");
    calls.push({ what: JSON.stringify({ from, to }), code: "invalid_cursor", run: () => page(to, cursor) });
  }
  await allRefused(store, calls);
}

async function threadsReadByTheirPaths(place: LawPlace, fates: readonly ("live" | "archived")[]): Promise<void> {
  const store = await place.open();
  for (const fate of fates) {
    const { id: threadId } = await seedThread(store);
    if (fate === "archived" && place.claims.archive) await store.archiveThread(threadId);
    const read = await store.readThread({ threadId });
    const rolloutPath = read.path ?? fail("a thread of a store with paths has one");
    deepEqual(await store.readThreadByRolloutPath({ rolloutPath }), read);
    const history = await readLog(store, threadId);
    deepEqual(await store.readThreadByRolloutPath({ rolloutPath, includeHistory: true }), { ...read, history });
    const { writer } = await store.resumeThread({ threadId, rolloutPath });
    await store.appendItems({ writer, items: [userMessage("by its path")] });
    equal((await readLog(store, threadId)).length, history.length + 1);
  }
}
