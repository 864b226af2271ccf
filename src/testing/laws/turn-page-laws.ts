/**
 * Laws of turn and item pages: they are the turns fold of the log, cut into pages that join without a gap
 * or a double in both directions. A cursor names a turn; when that turn is gone the cursor is refused, and
 * nothing is guessed.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import {
  type AppendableItem,
  applyItemsView,
  type ItemsView,
  type Turn,
  turnsFold,
  turnsOf,
} from "../../events/index.ts";
import type { SortDirection, ThreadStore } from "../../store/index.ts";
import { arbCompactedLog, arbTurnEvents } from "../arbitraries/index.ts";
import { agentMessage, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const views: readonly ItemsView[] = ["notLoaded", "summary", "full"];
const directions: readonly SortDirection[] = ["asc", "desc"];

const RUNS = 15;

/** The laws of this file. */
export const turnPageLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "turns.fold",
    title: "pages of turns joined are the turns fold of the log, for any page size, view and direction",
    runs: RUNS,
    generator: anyPaged(),
    holds: turnPagesAreTheFold,
  }),
  storeLaw({
    id: "turns.backwards",
    title: "the backwards cursor of a page lists its first turn and all before it",
    runs: RUNS,
    generator: anyPaged(),
    holds: turnCursorsMeet,
  }),
  storeLaw({
    id: "turns.under-writes",
    title: "newest-first pages are not moved by turns that are added meanwhile",
    runs: RUNS,
    generator: fc.record({ turns: fc.integer({ min: 1, max: 8 }), limit: anyLimit(), added: fc.array(fc.nat(3)) }),
    holds: addedTurnsMoveNothing,
  }),
  storeLaw({
    id: "turns.rolled-back-cursor",
    title: "a cursor whose turn was rolled back is refused",
    runs: RUNS,
    generator: anyRolledBack(),
    holds: rolledBackCursorIsRefused,
  }),
  storeLaw({
    id: "turns.open-turn",
    title: "a turn that did not end is shown as interrupted",
    runs: RUNS,
    generator: fc.record({ ended: fc.nat(3), said: fc.integer({ min: 1, max: 3 }) }),
    holds: openTurnIsInterrupted,
  }),
  storeLaw({
    id: "items.pages",
    title: "pages of items joined are the items of the turns, of all or of one, in both directions",
    needs: ["itemLists"],
    runs: RUNS,
    generator: anyPaged(),
    holds: itemPagesAreTheItems,
  }),
  storeLaw({
    id: "items.rolled-back-cursor",
    title: "a cursor of items whose turn was rolled back is refused",
    needs: ["itemLists"],
    runs: RUNS,
    generator: anyRolledBack(),
    holds: rolledBackItemCursorIsRefused,
  }),
];

/** What is appended in how many batches, and how long pages are. */
interface Paged {
  readonly batches: readonly (readonly AppendableItem[])[];
  readonly limit: number;
}

function anyPaged(): fc.Arbitrary<Paged> {
  // Turns that a compaction or a rollback cuts, and records of turns that are over. Some records are lost; in a small
  // example all that nobody needs are.
  const kept = fc.array(fc.nat(15), { minLength: 60, maxLength: 60 });
  const compacted = fc.tuple(arbCompactedLog(), kept, fc.integer({ min: 1, max: 9 })).map(([log, keeps, at]) => {
    const items = log.filter((_, index) => keeps[index % keeps.length] !== 0);
    return [items.slice(0, at), items.slice(at)].filter((batch) => batch.length > 0);
  });
  const logs = fc.oneof(fc.array(arbTurnEvents(12), { minLength: 1, maxLength: 3 }), compacted, arbLateLog());
  return fc.record({ batches: logs, limit: anyLimit() });
}

/** Turns, and what comes behind them: of their tools, their ends once more, rollbacks of them. A batch each. */
function arbLateLog(): fc.Arbitrary<Paged["batches"]> {
  const ofTurn = fc.integer({ min: 1, max: 4 }).map((n) => `turn-${n}`);
  const event = (type: string, members: object): readonly AppendableItem[] => [
    { type: "event_msg", payload: { type, ...members } },
  ];
  const patch = { call_id: "call-1", stdout: "", stderr: "", success: true, changes: {}, status: "completed" };
  const late = fc.oneof(
    ofTurn.map((turn_id) => event("patch_apply_end", { ...patch, turn_id })),
    ofTurn.map((turn_id) => {
      const item = { type: "Plan", id: "plan-1", text: "do" };
      return event("item_completed", { thread_id: "thread", turn_id, item });
    }),
    ofTurn.map((turn_id) => event("task_complete", { turn_id, completed_at: 9, duration_ms: 2 })),
    ofTurn.map((turn_id) => event("turn_aborted", { turn_id, reason: "interrupted" })),
    fc.integer({ min: 1, max: 2 }).map((num_turns) => event("thread_rolled_back", { num_turns })),
  );
  const next = fc.constant(null);
  return fc
    .array(fc.oneof({ weight: 2, arbitrary: next }, { weight: 3, arbitrary: late }), {
      minLength: 1,
      maxLength: 10,
      size: "max",
    })
    .map((steps) => {
      let turns = 0;
      return steps.map((step) => step ?? turn(`turn-${(turns += 1)}`));
    });
}

function anyLimit(): fc.Arbitrary<number> {
  return fc.integer({ min: 1, max: 4 });
}

/** So many turns, of which the newest are rolled back, and a page of them read before. */
interface RolledBack {
  readonly turns: number;
  readonly rolledBack: number;
  readonly limit: number;
}

function anyRolledBack(): fc.Arbitrary<RolledBack> {
  return fc.record({
    turns: fc.integer({ min: 2, max: 6 }),
    rolledBack: fc.integer({ min: 1, max: 6 }),
    limit: fc.integer({ min: 1, max: 5 }),
  });
}

async function foldedTurns(store: ThreadStore, threadId: string): Promise<readonly Turn[]> {
  let state = turnsFold.initial();
  for (const record of await readLog(store, threadId)) state = turnsFold.step(state, record);
  return turnsOf(state, { live: false });
}

interface Page<Row> {
  readonly data: readonly Row[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}

/** Joins pages to the end. */
async function joined<Row>(
  limit: number,
  page: (cursor?: string) => Promise<Page<Row>>,
  begin?: string,
): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let cursor = begin;
  for (;;) {
    const answer = await page(cursor);
    ok(answer.data.length <= limit, "a page is longer than asked for");
    equal(answer.backwardsCursor === null, answer.data.length === 0);
    rows.push(...answer.data);
    if (answer.nextCursor === null) return rows;
    ok(answer.data.length > 0, "an empty page is the last one");
    cursor = answer.nextCursor;
  }
}

function inDirection<Row>(rows: readonly Row[], direction: SortDirection): readonly Row[] {
  return direction === "asc" ? rows : rows.toReversed();
}

function withCursor(cursor: string | undefined): { readonly cursor?: string } {
  return cursor === undefined ? {} : { cursor };
}

async function threadOf(store: ThreadStore, { batches }: Paged): Promise<string> {
  const { id, writer } = await seedThread(store, []);
  for (const items of batches) await store.appendItems({ writer, items });
  return id;
}

async function turnPagesAreTheFold(place: LawPlace, paged: Paged): Promise<void> {
  const store = await place.open();
  const threadId = await threadOf(store, paged);
  const { limit } = paged;
  const turns = await foldedTurns(store, threadId);
  for (const sortDirection of directions) {
    for (const itemsView of views) {
      const query = { threadId, limit, sortDirection, itemsView };
      const listed = await joined(limit, (cursor) => store.listTurns({ ...query, ...withCursor(cursor) }));
      const expected = inDirection(turns, sortDirection).map((turn) => applyItemsView(turn, itemsView));
      deepEqual(listed, expected, `${itemsView}, ${sortDirection}`);
    }
  }
}

async function turnCursorsMeet(place: LawPlace, paged: Paged): Promise<void> {
  const store = await place.open();
  const threadId = await threadOf(store, paged);
  const { limit } = paged;
  const view = { threadId, limit, itemsView: "full" as const };
  for (const sortDirection of directions) {
    const before: Turn[] = [];
    const back: SortDirection = sortDirection === "asc" ? "desc" : "asc";
    await joined(limit, async (cursor) => {
      const page = await store.listTurns({ ...view, sortDirection, ...withCursor(cursor) });
      const backwards = page.backwardsCursor;
      if (backwards !== null) {
        const seen = await joined(
          limit,
          (at) => store.listTurns({ ...view, sortDirection: back, ...withCursor(at) }),
          backwards,
        );
        deepEqual(seen, [...before, ...page.data.slice(0, 1)].toReversed());
      }
      before.push(...page.data);
      return page;
    });
  }
}

const ENDED_AT = 1_767_000_009;

function turn(id: string): readonly AppendableItem[] {
  return [
    { type: "event_msg", payload: { type: "task_started", turn_id: id, started_at: 1_767_000_000 } },
    userMessage(`question of ${id}`),
    agentMessage(`answer of ${id}`),
    { type: "event_msg", payload: { type: "task_complete", turn_id: id, completed_at: ENDED_AT, duration_ms: 9 } },
  ];
}

/** `t1`, `t2`, … */
function turnIds(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => `t${n + 1}`);
}

function idsOf(turns: readonly Turn[]): readonly string[] {
  return turns.map(({ id }) => id);
}

function rollback(turns: number): AppendableItem {
  return { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: turns } };
}

interface AddedTurns {
  readonly turns: number;
  readonly limit: number;
  /** Behind each page. */
  readonly added: readonly number[];
}

async function addedTurnsMoveNothing(place: LawPlace, { turns, limit, added }: AddedTurns): Promise<void> {
  const store = await place.open();
  const ids = turnIds(turns);
  const { id: threadId, writer } = await seedThread(store, ids.flatMap(turn));
  let page = 0;
  const listed = await joined(limit, async (cursor) => {
    const answer = await store.listTurns({ threadId, limit, ...withCursor(cursor) });
    const count = added[page] ?? 1;
    for (let n = 0; n < count; n += 1) await store.appendItems({ writer, items: turn(`later-${page}-${n}`) });
    page += 1;
    return answer;
  });
  deepEqual(idsOf(listed), ids.toReversed());
}

/** Goes on by a cursor: refused when its turn is gone, else what stands behind that turn. */
async function rolledBackCursorIsRefused(place: LawPlace, example: RolledBack): Promise<void> {
  const { turns, rolledBack, limit } = example;
  const store = await place.open();
  const ids = turnIds(turns);
  const { id: threadId, writer } = await seedThread(store, ids.flatMap(turn));
  const newestFirst = ids.toReversed();
  const page = await store.listTurns({ threadId, limit });
  await store.appendItems({ writer, items: [rollback(rolledBack)] });
  const standing = newestFirst.slice(rolledBack);
  // The next cursor names the page's last turn, the backwards cursor its first, which is the newest.
  const back = page.backwardsCursor ?? fail("a page of turns leads back");
  await refused(store.listTurns({ threadId, cursor: back }), "invalid_cursor");
  if (page.nextCursor === null) return;
  const next = store.listTurns({ threadId, cursor: page.nextCursor });
  const last = newestFirst[limit - 1] ?? fail("a page that is not the last is full");
  if (standing.includes(last)) deepEqual(idsOf((await next).data), newestFirst.slice(limit));
  else await refused(next, "invalid_cursor");
}

async function rolledBackItemCursorIsRefused(place: LawPlace, example: RolledBack): Promise<void> {
  const { turns, rolledBack, limit } = example;
  const store = await place.open();
  const ids = turnIds(turns);
  const { id: threadId, writer } = await seedThread(store, ids.flatMap(turn));
  const page = await store.listItems({ threadId, limit });
  const all = await store.listItems({ threadId });
  await store.appendItems({ writer, items: [rollback(rolledBack)] });
  const standing = new Set(ids.slice(0, Math.max(0, turns - rolledBack)));
  const back = page.backwardsCursor ?? fail("a page of items leads back");
  for (const [cursor, anchor, rest] of [
    [page.nextCursor, page.data.at(-1), all.data.slice(limit)],
    [back, page.data[0], all.data],
  ] as const) {
    if (cursor === null) continue;
    const next = store.listItems({ threadId, cursor });
    if (anchor === undefined || !standing.has(anchor.turnId)) await refused(next, "invalid_cursor");
    else {
      deepEqual(
        (await next).data,
        rest.filter(({ turnId }) => standing.has(turnId)),
      );
    }
  }
}

interface OpenTurn {
  /** Turns before it. */
  readonly ended: number;
  /** Of its own records, from its start. */
  readonly said: number;
}

async function openTurnIsInterrupted(place: LawPlace, { ended, said }: OpenTurn): Promise<void> {
  const store = await place.open();
  const ids = turnIds(ended);
  const { id: threadId } = await seedThread(store, [...ids.flatMap(turn), ...turn("open").slice(0, said)]);
  const { data } = await store.listTurns({ threadId, itemsView: "full" });
  deepEqual(
    data.map(({ id, status, completedAt }) => [id, status, completedAt]),
    [["open", "interrupted", null], ...ids.toReversed().map((id) => [id, "completed", ENDED_AT])],
  );
}

async function itemPagesAreTheItems(place: LawPlace, paged: Paged): Promise<void> {
  const store = await place.open();
  const threadId = await threadOf(store, paged);
  const { limit } = paged;
  const turns = await foldedTurns(store, threadId);
  for (const turnId of [undefined, ...new Set(idsOf(turns))]) {
    const expected = turns
      .filter(({ id }) => turnId === undefined || id === turnId)
      .flatMap(({ id, items }) => items.map((item) => ({ turnId: id, item })));
    for (const sortDirection of directions) {
      const only = turnId === undefined ? {} : { turnId };
      const listed = await joined(limit, (cursor) =>
        store.listItems({ threadId, limit, sortDirection, ...only, ...withCursor(cursor) }),
      );
      deepEqual(listed, inDirection(expected, sortDirection));
    }
  }
}
