/**
 * Laws of turn and item pages: they are the turns fold of the log, cut into pages that join without a gap
 * or a double in both directions. A cursor names a turn; when that turn is gone the cursor is refused, and
 * nothing is guessed.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

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
import { arbTurnEvents } from "../arbitraries/index.ts";
import { agentMessage, readLog, refused, seedThread, userMessage, withStore } from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

const RUNS = 15;

/** The laws of this file. */
export const turnPageLaws: readonly PlainLaw[] = [
  {
    id: "turns.fold",
    title: "pages of turns joined are the turns fold of the log, for any page size, view and direction",
    run: turnPagesAreTheFold,
  },
  {
    id: "turns.backwards",
    title: "the backwards cursor of a page lists its first turn and all before it",
    run: turnCursorsMeet,
  },
  {
    id: "turns.under-writes",
    title: "newest-first pages are not moved by turns that are added meanwhile",
    run: addedTurnsMoveNothing,
  },
  {
    id: "turns.rolled-back-cursor",
    title: "a cursor whose turn was rolled back is refused",
    run: rolledBackCursorIsRefused,
  },
  {
    id: "turns.open-turn",
    title: "a turn that did not end is shown as interrupted",
    run: openTurnIsInterrupted,
  },
  {
    id: "items.pages",
    title: "pages of items joined are the items of the turns, of all or of one, in both directions",
    run: itemPagesAreTheItems,
  },
];

const views: readonly ItemsView[] = ["notLoaded", "summary", "full"];
const directions: readonly SortDirection[] = ["asc", "desc"];

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

async function turnPagesAreTheFold(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbTurnEvents(), fc.integer({ min: 1, max: 4 }), async (items, limit) => {
        const { id: threadId, writer } = await seedThread(store, items);
        const turns = await foldedTurns(store, threadId);
        for (const sortDirection of directions) {
          for (const itemsView of views) {
            const query = { threadId, limit, sortDirection, itemsView };
            const listed = await joined(limit, (cursor) => store.listTurns({ ...query, ...withCursor(cursor) }));
            const expected = inDirection(turns, sortDirection);
            deepEqual(
              listed,
              expected.map((turn) => applyItemsView(turn, itemsView)),
            );
          }
        }
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

async function turnCursorsMeet(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbTurnEvents(), fc.integer({ min: 1, max: 4 }), async (items, limit) => {
        const { id: threadId, writer } = await seedThread(store, items);
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
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}

function turn(id: string, text: string): readonly AppendableItem[] {
  return [
    { type: "event_msg", payload: { type: "task_started", turn_id: id, started_at: 1_767_000_000 } },
    userMessage(text),
    agentMessage(`answer to ${text}`),
    {
      type: "event_msg",
      payload: { type: "task_complete", turn_id: id, completed_at: 1_767_000_009, duration_ms: 9 },
    },
  ];
}

function rollback(turns: number): AppendableItem {
  return { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: turns } };
}

async function addedTurnsMoveNothing(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const ids = ["t1", "t2", "t3", "t4", "t5"];
    const { id: threadId, writer } = await seedThread(
      store,
      ids.flatMap((id) => turn(id, id)),
    );
    let added = 0;
    const listed = await joined(2, async (cursor) => {
      const page = await store.listTurns({ threadId, limit: 2, ...withCursor(cursor) });
      added += 1;
      await store.appendItems({ writer, items: turn(`later-${added}`, "later") });
      return page;
    });
    deepEqual(
      listed.map((listedTurn) => listedTurn.id),
      ids.toReversed(),
    );
  });
}

async function rolledBackCursorIsRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const ids = ["t1", "t2", "t3", "t4"];
    const { id: threadId, writer } = await seedThread(
      store,
      ids.flatMap((id) => turn(id, id)),
    );
    const cursorsAt = async (skip: number): Promise<readonly string[]> => {
      const { nextCursor, backwardsCursor } = await store.listTurns({ threadId, limit: skip });
      return [nextCursor ?? "", backwardsCursor ?? ""];
    };
    // Newest first: the next cursor of a page of one names t4, of a page of three t2.
    const [onT4 = ""] = await cursorsAt(1);
    const [onT2 = "", backOnT4 = ""] = await cursorsAt(3);
    await store.appendItems({ writer, items: [rollback(2)] });
    for (const cursor of [onT4, backOnT4]) {
      await refused(store.listTurns({ threadId, cursor }), "invalid_cursor");
    }
    const page = await store.listTurns({ threadId, cursor: onT2 });
    deepEqual(
      page.data.map((listedTurn) => listedTurn.id),
      ["t1"],
    );
    const items = await store.listItems({ threadId, limit: 3 });
    await store.appendItems({ writer, items: [rollback(1)] });
    const cursor = items.nextCursor ?? "";
    await refused(store.listItems({ threadId, cursor }), "invalid_cursor");
  });
}

async function openTurnIsInterrupted(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store, [...turn("t1", "a"), ...turn("t2", "b").slice(0, 2)]);
    const { data } = await store.listTurns({ threadId, itemsView: "full" });
    deepEqual(
      data.map(({ id, status, completedAt }) => [id, status, completedAt]),
      [
        ["t2", "interrupted", null],
        ["t1", "completed", 1_767_000_009],
      ],
    );
  });
}

async function itemPagesAreTheItems(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(arbTurnEvents(), fc.integer({ min: 1, max: 4 }), async (events, limit) => {
        const { id: threadId, writer } = await seedThread(store, events);
        const turns = await foldedTurns(store, threadId);
        const wanted = [undefined, ...new Set(turns.map((listedTurn) => listedTurn.id))];
        for (const turnId of wanted) {
          const expected = turns
            .filter((listedTurn) => turnId === undefined || listedTurn.id === turnId)
            .flatMap(({ id, items }) => items.map((item) => ({ turnId: id, item })));
          for (const sortDirection of directions) {
            const only = turnId === undefined ? {} : { turnId };
            const listed = await joined(limit, (cursor) =>
              store.listItems({ threadId, limit, sortDirection, ...only, ...withCursor(cursor) }),
            );
            deepEqual(listed, inDirection(expected, sortDirection));
          }
        }
        await store.shutdownThread(writer);
      }),
      { numRuns: RUNS },
    ),
  );
}
