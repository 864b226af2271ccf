/**
 * The service's reads: each asks the store for one page and sends it in messages of a bounded size. The generators
 * are pulled, so a reader that is slow holds no more than its own page; one that left, or whose time is over, is
 * noticed between two messages.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

import type { ThreadStore } from "../thread-store.ts";
import type {
  FoundThread,
  HistoryEnd,
  ListEndSchema,
  ListThreadsResponseSchema,
  ReadThreadResponseSchema,
  SearchThreadsResponseSchema,
  ThreadStoreService,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import type { AnswerScope } from "../answer-scope.ts";
import { inMessages, jsonPartSize, toJsonParts, wireRecords, wireRecordSize } from "./wire-parts.ts";
import { numberOf } from "./wire-members.ts";
import { fromWireList } from "./wire-requests.ts";
import { toWireThread, wireThreadSize } from "./wire-threads.ts";

/** The service's reads. */
export type ReadingService = Pick<
  ServiceImpl<typeof ThreadStoreService>,
  "loadHistory" | "loadWindow" | "readThread" | "listThreads" | "searchThreads" | "listTurns" | "listItems"
>;

/** Makes them over a store. */
export function createReadingService(store: ThreadStore): ReadingService {
  return {
    async *loadHistory(request, { signal }) {
      const { threadId, hint } = request;
      const page = await store.loadHistory({
        threadId,
        ...numbers({ from: request.from, limit: request.limit }),
        ...(hint === undefined ? {} : { hint }),
      });
      for (const records of inMessages(wireRecords(page.records), wireRecordSize)) {
        signal.throwIfAborted();
        yield { records };
      }
      signal.throwIfAborted();
      const { nextOrdinal, isEnd } = page;
      const end = { nextOrdinal: BigInt(nextOrdinal), isEnd, ...(page.hint === undefined ? {} : { hint: page.hint }) };
      yield { end } satisfies { end: Partial<HistoryEnd> };
    },
    async *loadWindow({ threadId }, { signal }) {
      const window = await store.loadWindow(threadId);
      if (window === null) return;
      for (const parts of inMessages(toJsonParts(window), jsonPartSize)) {
        signal.throwIfAborted();
        yield { window: parts };
      }
    },
    readThread: ({ threadId, includeHistory }, context) => readThread(store, { threadId, includeHistory }, context),
    ...createListingService(store),
    ...createPagingService(store),
  };
}

/** Lists of threads. */
function createListingService(store: ThreadStore): Pick<ReadingService, "listThreads" | "searchThreads"> {
  return {
    async *listThreads(request, { signal }) {
      const page = await store.listThreads(fromWireList(request));
      for (const threads of inMessages(page.data.map(toWireThread), wireThreadSize)) {
        signal.throwIfAborted();
        yield { threads } satisfies MessageInitShape<typeof ListThreadsResponseSchema>;
      }
      signal.throwIfAborted();
      yield { end: listEnd(page) };
    },
    async *searchThreads(request, { signal }) {
      const { query, cursor, archived } = request;
      const page = await store.searchThreads({
        query,
        ...(cursor === undefined ? {} : { cursor }),
        ...(archived === undefined ? {} : { archived }),
        ...numbers({ limit: request.limit }),
      });
      const shown = page.data.map(({ thread, snippet }) => ({ thread: toWireThread(thread), snippet }));
      for (const found of inMessages(shown, ({ thread }) => wireThreadSize(thread))) {
        signal.throwIfAborted();
        const message: MessageInitShape<typeof SearchThreadsResponseSchema> = {
          found: found satisfies Partial<FoundThread>[],
        };
        yield message;
      }
      signal.throwIfAborted();
      yield { end: listEnd({ ...page, backwardsCursor: null }) };
    },
  };
}

/** Pages of a thread. */
function createPagingService(store: ThreadStore): Pick<ReadingService, "listTurns" | "listItems"> {
  return {
    async *listTurns(request, { signal }) {
      const { cursor, sortDirection, itemsView, threadId } = request;
      // Words as they came; the store says whether they are some.
      const params = { threadId, ...words({ cursor, sortDirection, itemsView }), ...numbers({ limit: request.limit }) };
      const page = await store.listTurns(params);
      for (const turns of inMessages(page.data.flatMap(toJsonParts), jsonPartSize)) {
        signal.throwIfAborted();
        yield { turns };
      }
      signal.throwIfAborted();
      yield { end: pageEnd(page) };
    },
    async *listItems(request, { signal }) {
      const { cursor, sortDirection, turnId, threadId } = request;
      const params = { threadId, ...words({ cursor, sortDirection, turnId }), ...numbers({ limit: request.limit }) };
      const page = await store.listItems(params);
      for (const items of inMessages(page.data.flatMap(toJsonParts), jsonPartSize)) {
        signal.throwIfAborted();
        yield { items };
      }
      signal.throwIfAborted();
      yield { end: pageEnd(page) };
    },
  };
}

async function* readThread(
  store: ThreadStore,
  params: { readonly threadId: string; readonly includeHistory: boolean },
  { signal }: HandlerContext,
): AsyncGenerator<MessageInitShape<typeof ReadThreadResponseSchema>> {
  const thread = await store.readThread(params);
  yield { thread: toWireThread(thread) };
  for (const history of inMessages(wireRecords(thread.history ?? []), wireRecordSize)) {
    signal.throwIfAborted();
    yield { history };
  }
}

function listEnd(page: AnswerScope & Cursors): MessageInitShape<typeof ListEndSchema> {
  const { isComplete, asOfMs } = page;
  return { ...pageEnd(page), isComplete, asOfMs };
}

interface Cursors {
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}

function pageEnd({ nextCursor, backwardsCursor }: Cursors): { nextCursor?: string; backwardsCursor?: string } {
  return {
    ...(nextCursor === null ? {} : { nextCursor }),
    ...(backwardsCursor === null ? {} : { backwardsCursor }),
  };
}

/** The numbers that are there. */
function numbers(values: Readonly<Record<string, bigint | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => {
      const number = numberOf(value);
      return number === undefined ? [] : [[name, number]];
    }),
  );
}

/** The words that are there. */
function words(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
