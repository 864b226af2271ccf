/**
 * Laws about bad input: each wrong shape is refused with its code, and nothing has changed. The types
 * forbid most of it; callers over a wire and in plain JavaScript have no types. What is refused is
 * collected first, so that one run names every shape that got through.
 */
import { deepEqual } from "node:assert/strict";

import type { ErrorCode } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import type { OpenedThread, ThreadStore } from "../../store/index.ts";
import { plainMetadata, readAllThreads, readLog, refused, seedThread, userMessage, withStore } from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const badInputLaws: readonly PlainLaw[] = [
  {
    id: "bad-input.thread-ids",
    title: "an id that is no UUID is refused as such, an unknown one as not found, everywhere",
    run: badIdsAreRefused,
  },
  {
    id: "bad-input.spellings",
    title: "every spelling of a thread's id names the thread",
    run: spellingsNameTheThread,
  },
  {
    id: "bad-input.shapes",
    title: "each wrong shape is refused with its code and changes nothing",
    run: wrongShapesChangeNothing,
  },
  {
    id: "bad-input.items",
    title: "items that would not read back are refused with their place, and nothing is written",
    run: unwritableItemsAreRefused,
  },
  {
    id: "bad-input.cleaned-items",
    title: "an item with absent members or broken surrogates is told as it will be read",
    run: cleanedItemsAreToldAsRead,
  },
  {
    id: "bad-input.paths",
    title: "a thread with a rollout file reads by its path; a store without files refuses that as unsupported",
    run: pathsReadOrAreUnsupported,
  },
];

const unknownId = "019b0000-0000-7000-8000-0000000000ff";

/** Every call that takes a thread id. */
function callsOn(store: ThreadStore, threadId: string): readonly (() => Promise<unknown>)[] {
  const fork = { threadId, endOrdinal: 0 };
  return [
    () => store.resumeThread({ threadId }),
    () => store.loadHistory({ threadId }),
    () => store.loadWindow(threadId),
    () => store.readThread({ threadId }),
    () => store.listTurns({ threadId }),
    () => store.listItems({ threadId }),
    () => store.updateThreadMetadata({ threadId, patch: { name: "x" } }),
    () => store.archiveThread(threadId),
    () => store.unarchiveThread(threadId),
    () => store.deleteThread(threadId),
    () => store.createThread({ metadata: plainMetadata, fork }),
  ];
}

async function badIdsAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    for (const call of callsOn(store, unknownId)) await refused(call(), "thread_not_found");
    for (const id of ["", "nope", ` ${unknownId}`, "../etc/passwd", "019b"]) {
      for (const call of callsOn(store, id)) await refused(call(), "invalid_thread_id");
      const create = store.createThread({ threadId: id, metadata: plainMetadata });
      await refused(create, "invalid_thread_id");
    }
    deepEqual(await readAllThreads(store), []);
  });
}

async function spellingsNameTheThread(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id } = await seedThread(store);
    const read = await store.readThread({ threadId: id });
    const spellings = [id.toUpperCase(), `{${id}}`, id.replaceAll("-", ""), `urn:uuid:${id}`];
    for (const threadId of spellings) {
      deepEqual(await store.readThread({ threadId }), read);
      const { writer } = await store.resumeThread({ threadId });
      deepEqual(writer.threadId, id);
      const create = store.createThread({ threadId, metadata: plainMetadata });
      await refused(create, "thread_exists");
    }
  });
}

type BadCall = readonly [
  what: string,
  code: ErrorCode,
  call: (store: ThreadStore, thread: OpenedThread) => Promise<unknown>,
];

/** A value the types don't allow. */
function wrong(value: unknown): never {
  return value as never;
}

const badCalls: readonly BadCall[] = [
  ["no cwd", "invalid_argument", (s) => s.createThread({ metadata: wrong({}) })],
  ["empty cwd", "invalid_argument", (s) => s.createThread({ metadata: { cwd: "" } })],
  [
    "unknown memory mode",
    "invalid_argument",
    (s) => s.createThread({ metadata: { cwd: "/w", memoryMode: wrong("maybe") } }),
  ],
  ["no items", "invalid_argument", (s, { writer }) => s.appendItems({ writer, items: [] })],
  ["negative expected ordinal", "invalid_argument", (s, t) => expecting(s, t, -1)],
  ["fractional expected ordinal", "invalid_argument", (s, t) => expecting(s, t, 1.5)],
  ["empty key", "invalid_argument", (s, t) => keyed(s, t, "")],
  ["endless key", "invalid_argument", (s, t) => keyed(s, t, "k".repeat(100_000))],
  ["negative from", "invalid_argument", (s, t) => s.loadHistory({ ...on(t), from: -1 })],
  ["fractional from", "invalid_argument", (s, t) => s.loadHistory({ ...on(t), from: 0.5 })],
  ["negative history limit", "invalid_argument", (s, t) => s.loadHistory({ ...on(t), limit: -1 })],
  ["history limit of 0", "invalid_argument", (s, t) => s.loadHistory({ ...on(t), limit: 0 })],
  ["negative limit", "invalid_argument", (s) => s.listThreads({ limit: -1 })],
  ["fractional limit", "invalid_argument", (s) => s.listThreads({ limit: 1.5 })],
  ["unknown sort key", "invalid_argument", (s) => s.listThreads({ sortKey: wrong("name") })],
  ["unknown direction", "invalid_argument", (s) => s.listThreads({ sortDirection: wrong("up") })],
  ["a parent that is no id", "invalid_thread_id", (s) => s.listThreads({ parentThreadId: "nope" })],
  ["an ancestor that is no id", "invalid_thread_id", (s) => s.listThreads({ ancestorThreadId: "" })],
  ["garbage cursor", "invalid_cursor", (s) => s.listThreads({ cursor: "zzz" })],
  ["empty cursor", "invalid_cursor", (s) => s.listThreads({ cursor: "" })],
  ["endless cursor", "invalid_cursor", (s) => s.listThreads({ cursor: "A".repeat(1_000_000) })],
  ["other list's cursor", "invalid_cursor", otherListsCursor],
  ["turn limit", "invalid_argument", (s, t) => s.listTurns({ ...on(t), limit: -1 })],
  ["items view", "invalid_argument", (s, t) => s.listTurns({ ...on(t), itemsView: wrong("some") })],
  ["turn direction", "invalid_argument", (s, t) => s.listTurns({ ...on(t), sortDirection: wrong("up") })],
  ["turn cursor", "invalid_cursor", (s, t) => s.listTurns({ ...on(t), cursor: "zzz" })],
  ["empty turn cursor", "invalid_cursor", (s, t) => s.listTurns({ ...on(t), cursor: "" })],
  ["unknown turn's cursor", "invalid_cursor", unknownTurnsCursor],
  ["item cursor", "invalid_cursor", (s, t) => s.listItems({ ...on(t), cursor: "[]" })],
  ["turn limit of 0", "invalid_argument", (s, t) => s.listTurns({ ...on(t), limit: 0 })],
  ["item limit of 0", "invalid_argument", (s, t) => s.listItems({ ...on(t), limit: 0 })],
  ["limit of 0", "invalid_argument", (s) => s.listThreads({ limit: 0 })],
  ["unknown turn's items", "turn_not_found", (s, t) => s.listItems({ ...on(t), turnId: "nowhere" })],
];

function on({ writer }: OpenedThread): { readonly threadId: string } {
  return { threadId: writer.threadId };
}

function expecting(store: ThreadStore, { writer }: OpenedThread, expectedOrdinal: number): Promise<unknown> {
  return store.appendItems({ writer, items: [userMessage("x")], expectedOrdinal });
}

function keyed(store: ThreadStore, { writer }: OpenedThread, idempotencyKey: string): Promise<unknown> {
  return store.appendItems({ writer, items: [userMessage("x")], idempotencyKey });
}

async function otherListsCursor(store: ThreadStore): Promise<unknown> {
  const { backwardsCursor } = await store.listThreads({ sortKey: "created_at" });
  return store.listThreads({ sortKey: "updated_at", cursor: backwardsCursor ?? "none" });
}

function unknownTurnsCursor(store: ThreadStore, thread: OpenedThread): Promise<unknown> {
  const cursor = JSON.stringify({ turnId: "nowhere", includeAnchor: false });
  return store.listTurns({ ...on(thread), cursor });
}

async function wrongShapesChangeNothing(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const thread = await seedThread(store);
    const look = async (): Promise<unknown> => [await readAllThreads(store), await readLog(store, thread.id)];
    const before = await look();
    const wrongly: string[] = [];
    for (const [what, code, call] of badCalls) {
      try {
        await refused(call(store, thread), code);
      } catch (error) {
        wrongly.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      }
      deepEqual(await look(), before, what);
    }
    deepEqual(wrongly, []);
  });
}

async function unwritableItemsAreRefused(fixture: StoreFixture): Promise<void> {
  const cycle: Record<string, unknown> = { type: "user_message", message: "x" };
  cycle["self"] = cycle;
  const items: readonly unknown[] = [
    null,
    "text",
    {},
    { type: "event_msg" },
    { type: "event_msg", payload: null },
    { type: "event_msg", payload: [] },
    { type: "event_msg", payload: { message: "without a kind" } },
    { type: "event_msg", payload: { type: "user_message" } },
    { type: "event_msg", payload: { type: "user_message", message: 7 } },
    { type: "event_msg", payload: { type: "thread_rolled_back", num_turns: -1 } },
    { type: "event_msg", payload: { type: "x", value: Number.NaN } },
    { type: "event_msg", payload: { type: "x", value: 1n } },
    { type: "event_msg", payload: { type: "x", value: () => 0 } },
    { type: "event_msg", payload: cycle },
    { type: "response_item", payload: { type: "message", role: "user" } },
    { type: "turn_context", payload: { cwd: "/w" } },
    { type: "session_meta", payload: { id: "x" } },
    { type: "unknown", recordType: "future", payload: {} },
    { type: "unreadable", reason: "x" },
    { type: "future", payload: {} },
  ];
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store);
    const wrongly: string[] = [];
    for (const [index, item] of items.entries()) {
      const append = store.appendItems({ writer, items: [userMessage("fine"), item as AppendableItem] });
      try {
        const { data } = await refused(append, "invalid_argument");
        deepEqual(data["index"], 1, "the refusal names the item");
      } catch (error) {
        wrongly.push(`items[${index}]: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    deepEqual(wrongly, []);
    equalLog(await readLog(store, id, { from: 1 }), [userMessage("hello")]);
  });
}

function equalLog(log: Awaited<ReturnType<typeof readLog>>, items: readonly unknown[]): void {
  deepEqual(
    log.map((record) => record.item),
    items,
  );
}

async function cleanedItemsAreToldAsRead(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id, writer } = await seedThread(store, []);
    const told: unknown[] = [];
    store.subscribe((event) => {
      if (event.type === "appended") told.push(...event.records);
    });
    const payload = { type: "user_message", message: "broken \ud800 half", images: undefined };
    await store.appendItems({ writer, items: [{ type: "event_msg", payload }] });
    deepEqual(told, await readLog(store, id, { from: 1 }));
  });
}

async function pathsReadOrAreUnsupported(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id } = await seedThread(store);
    const { path } = await store.readThread({ threadId: id });
    if (path !== null) {
      const byPath = await store.readThreadByRolloutPath({ rolloutPath: path });
      deepEqual(byPath, await store.readThread({ threadId: id }));
      return;
    }
    const read = store.readThreadByRolloutPath({ rolloutPath: "/nowhere/rollout.jsonl" });
    await refused(read, "unsupported");
  });
}
