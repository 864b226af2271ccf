/**
 * Laws about calls that no types would let through: nothing, null, a list or a number where an object, a text
 * or a writer belongs. Each is the caller's mistake and is told as such, with the same code by every store;
 * a TypeError, or an io_error about one, would send the caller looking in the wrong place.
 */
import { deepEqual } from "node:assert/strict";

import type { OpenedThread, ThreadStore } from "../../store/index.ts";
import { plainMetadata, readAllThreads, readLog, refused, seedThread, userMessage, withStore } from "../law-steps.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const badCallLaws: readonly PlainLaw[] = [
  {
    id: "bad-call.parameters",
    title: "a call without parameters, or with something else in their place, is refused and changes nothing",
    run: badParametersAreRefused,
  },
  {
    id: "bad-call.members",
    title: "a member of the wrong kind is refused and changes nothing",
    run: badMembersAreRefused,
  },
  {
    id: "bad-call.writers",
    title: "what is no writer is refused, and discarding it does nothing",
    run: badWritersAreRefused,
  },
];

/** Values that are no parameters. */
const NO_PARAMETERS: readonly unknown[] = [null, 5, "text", [], true];
/** The methods that take an object of parameters; the last ones can't do without. */
const METHODS = [
  "createThread",
  "resumeThread",
  "appendItems",
  "loadHistory",
  "readThread",
  "readThreadByRolloutPath",
  "listThreads",
  "searchThreads",
  "listTurns",
  "listItems",
  "updateThreadMetadata",
] as const;

/** Calls a method as plain JavaScript may. What it throws at once, it rejects with. */
async function call(store: ThreadStore, method: keyof ThreadStore, ...args: readonly unknown[]): Promise<unknown> {
  const run: unknown = store[method];
  if (typeof run !== "function") throw new Error(`${method} is no method`);
  return (await Reflect.apply(run, store, args)) as unknown;
}

/** Makes the calls, expects each to be refused as a bad argument, and the store to be as before. */
async function allRefused(
  store: ThreadStore,
  thread: OpenedThread,
  calls: readonly (readonly [what: string, call: () => Promise<unknown>])[],
): Promise<void> {
  const { threadId } = thread.writer;
  const look = async (): Promise<unknown> => [await readAllThreads(store), await readLog(store, threadId)];
  const before = await look();
  const wrongly: string[] = [];
  for (const [what, make] of calls) {
    try {
      await refused(make(), "invalid_argument");
    } catch (error) {
      wrongly.push(`${what}: ${String(error)}`);
    }
  }
  deepEqual(wrongly, []);
  deepEqual(await look(), before);
}

async function badParametersAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const thread = await seedThread(store);
    const calls = METHODS.flatMap((method) => {
      const isOptional = method === "listThreads";
      return [...NO_PARAMETERS, ...(isOptional ? [] : [undefined])].map(
        (value) => [`${method}(${JSON.stringify(value)})`, () => call(store, method, value)] as const,
      );
    });
    await allRefused(store, thread, calls);
  });
}

type BadMember = readonly [method: keyof ThreadStore, params: Readonly<Record<string, unknown>>];

function badMembers({ writer }: OpenedThread): readonly BadMember[] {
  const { threadId } = writer;
  const items = [userMessage("x")];
  const metadata = (value: object): BadMember => ["createThread", { metadata: { ...plainMetadata, ...value } }];
  const list = (value: object): BadMember => ["listThreads", { ...value }];
  return [
    ["createThread", { metadata: null }],
    ["createThread", { metadata: plainMetadata, fork: null }],
    metadata({ cwd: 5 }),
    metadata({ originator: 5 }),
    metadata({ source: 5 }),
    metadata({ source: { custom: () => 0 } }),
    metadata({ git: "main" }),
    metadata({ git: { sha: 5, branch: null, originUrl: null } }),
    metadata({ agentNickname: {} }),
    ["resumeThread", { threadId, rolloutPath: 5 }],
    ["appendItems", { writer, items: null }],
    ["appendItems", { writer, items: "text" }],
    ["appendItems", { writer, items, expectedOrdinal: null }],
    ["appendItems", { writer, items, idempotencyKey: null }],
    ["loadHistory", { threadId, limit: null }],
    ["loadHistory", { threadId, from: null }],
    ["readThread", { threadId, includeHistory: "yes" }],
    ["readThreadByRolloutPath", { rolloutPath: 5 }],
    list({ searchTerm: 5 }),
    list({ searchTerm: null }),
    list({ cwds: "/work/place" }),
    list({ cwds: [5] }),
    list({ modelProviders: "mock" }),
    list({ sources: {} }),
    list({ parentThreadId: 5 }),
    list({ ancestorThreadId: null }),
    list({ useStateDbOnly: "yes" }),
    list({ archived: "yes" }),
    list({ cursor: 5 }),
    list({ sortKey: null }),
    list({ sortDirection: null }),
    list({ limit: "5" }),
    ["searchThreads", { query: 5 }],
    ["searchThreads", { query: "x", archived: 1 }],
    ["listTurns", { threadId, cursor: 5 }],
    ["listTurns", { threadId, itemsView: null }],
    ["listItems", { threadId, turnId: 5 }],
    ["listItems", { threadId, cursor: null }],
    ["updateThreadMetadata", { threadId, patch: null }],
    ["updateThreadMetadata", { threadId, patch: "name" }],
    ["updateThreadMetadata", { threadId, patch: { git: null } }],
    ["updateThreadMetadata", { threadId, patch: { git: "main" } }],
    ["updateThreadMetadata", { threadId, patch: { name: 5 } }],
  ];
}

async function badMembersAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const thread = await seedThread(store);
    const calls = badMembers(thread).map(
      ([method, params], index) =>
        [`${index}: ${method} ${Object.keys(params).join()}`, () => call(store, method, params)] as const,
    );
    await allRefused(store, thread, calls);
  });
}

async function badWritersAreRefused(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const thread = await seedThread(store);
    const items = [userMessage("x")];
    const noWriters = [undefined, null, 5, "text", [], {}, { threadId: thread.writer.threadId }];
    const calls = noWriters.flatMap((writer, index) => [
      [`append as ${index}`, () => call(store, "appendItems", { writer, items })] as const,
      ...(["persistThread", "flushThread", "shutdownThread"] as const).map(
        (method) => [`${method} ${index}`, () => call(store, method, writer)] as const,
      ),
    ]);
    await allRefused(store, thread, [...calls, ["subscribe", () => call(store, "subscribe", "nobody")]]);
    for (const writer of noWriters) await call(store, "discardThread", writer);
    await store.appendItems({ writer: thread.writer, items });
  });
}
