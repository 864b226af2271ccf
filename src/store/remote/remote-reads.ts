/**
 * The port's reads over the wire: each checks what it is given as any store does, asks for a page, and puts it together
 * from the messages it comes in. A read changes nothing, so one whose connection was lost is made again as a whole:
 * a page is never put together from two answers.
 */
import { fault } from "../../base/index.ts";
import type { RolloutRecord, ThreadItem, Turn } from "../../events/index.ts";
import { checkCall, checkList, requireThreadId } from "../call-check.ts";
import { historyRange } from "../history-range.ts";
import { directionOf } from "../list-page.ts";
import { pageLimit } from "../page-limit.ts";
import type {
  HistoryPage,
  ListItemsParams,
  ListItemsResult,
  ListThreadsParams,
  ListThreadsResult,
  ListTurnsParams,
  ListTurnsResult,
  LoadHistoryParams,
  ReadThreadParams,
  SearchThreadsParams,
  SearchThreadsResult,
  StoredThread,
} from "../thread-store.ts";
import type { ThreadWindow } from "../thread-window.ts";
import { itemsViewOf } from "../turn-page.ts";
import type { ListEnd, PageEnd } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import type { RemoteLink } from "./remote-link.ts";
import { createJsonJoiner, createRecordJoiner } from "./wire-parts.ts";
import { toWireList } from "./wire-requests.ts";
import { fromWireThread } from "./wire-threads.ts";

const READ = { isRepeatable: true };

/** The reads of one client. */
export class RemoteReads {
  readonly #link: RemoteLink;

  constructor(link: RemoteLink) {
    this.#link = link;
  }

  async loadHistory(params: LoadHistoryParams): Promise<HistoryPage> {
    checkCall("loadHistory", params);
    const { from, limit, hint } = historyRange(params);
    const request = {
      threadId: requireThreadId(params.threadId),
      from: BigInt(from),
      limit: BigInt(limit),
      ...(hint === undefined ? {} : { hint }),
    };
    return this.#link.call(READ, async (options) => {
      const joiner = createRecordJoiner();
      const records: RolloutRecord[] = [];
      for await (const message of this.#link.client.loadHistory(request, options)) {
        for (const part of message.records) records.push(...listed(joiner.add(part)));
        if (message.end === undefined) continue;
        const { nextOrdinal, isEnd, hint: next } = message.end;
        return { records, nextOrdinal: Number(nextOrdinal), isEnd, ...(next === undefined ? {} : { hint: next }) };
      }
      throw cutShort();
    });
  }

  async loadWindow(id: string): Promise<ThreadWindow | null> {
    const threadId = requireThreadId(id);
    return this.#link.call(READ, async (options) => {
      const joiner = createJsonJoiner();
      const windows: unknown[] = [];
      for await (const { window } of this.#link.client.loadWindow({ threadId }, options)) {
        for (const part of window) windows.push(...joiner.add(part));
      }
      // What the server's store made of the same log.
      return (windows[0] ?? null) as ThreadWindow | null;
    });
  }

  async readThread(params: ReadThreadParams): Promise<StoredThread> {
    checkCall("readThread", params);
    const includeHistory = params.includeHistory === true;
    const request = { threadId: requireThreadId(params.threadId), includeHistory };
    return this.#link.call(READ, async (options) => {
      const joiner = createRecordJoiner();
      const history: RolloutRecord[] = [];
      let thread: StoredThread | undefined;
      for await (const message of this.#link.client.readThread(request, options)) {
        thread ??= fromWireThread(message.thread);
        for (const part of message.history) history.push(...listed(joiner.add(part)));
      }
      if (thread === undefined) throw cutShort();
      return includeHistory ? { ...thread, history } : thread;
    });
  }

  async listThreads(wished: ListThreadsParams): Promise<ListThreadsResult> {
    const params = checkList(wished);
    const request = toWireList(params, params.limit === undefined ? undefined : pageLimit(params.limit));
    return this.#link.call(READ, async (options) => {
      const data: StoredThread[] = [];
      for await (const { threads, end } of this.#link.client.listThreads(request, options)) {
        data.push(...threads.map(fromWireThread));
        if (end !== undefined) return { data, ...cursorsOf(end), ...scopeOf(end) };
      }
      throw cutShort();
    });
  }

  async searchThreads(params: SearchThreadsParams): Promise<SearchThreadsResult> {
    checkCall("searchThreads", params);
    const { query, cursor, archived } = params;
    const request = {
      query,
      ...limitOf(params),
      ...(cursor === undefined ? {} : { cursor }),
      ...(archived === undefined ? {} : { archived }),
    };
    return this.#link.call(READ, async (options) => {
      const data: { readonly thread: StoredThread; readonly snippet: string }[] = [];
      for await (const { found, end } of this.#link.client.searchThreads(request, options)) {
        data.push(...found.map(({ thread, snippet }) => ({ thread: fromWireThread(thread), snippet })));
        if (end !== undefined) return { data, nextCursor: cursorsOf(end).nextCursor, ...scopeOf(end) };
      }
      throw cutShort();
    });
  }

  async listTurns(params: ListTurnsParams): Promise<ListTurnsResult> {
    checkCall("listTurns", params);
    const { cursor } = params;
    const request = {
      threadId: requireThreadId(params.threadId),
      ...limitOf(params),
      sortDirection: directionOf(params.sortDirection, "desc"),
      itemsView: itemsViewOf(params.itemsView),
      ...(cursor === undefined ? {} : { cursor }),
    };
    return this.#link.call(READ, async (options) => {
      const joiner = createJsonJoiner();
      const data: unknown[] = [];
      for await (const { turns, end } of this.#link.client.listTurns(request, options)) {
        for (const part of turns) data.push(...joiner.add(part));
        // Turns, as the server's store gave them.
        if (end !== undefined) return { data: data as Turn[], ...cursorsOf(end) };
      }
      throw cutShort();
    });
  }

  async listItems(params: ListItemsParams): Promise<ListItemsResult> {
    checkCall("listItems", params);
    const { cursor, turnId } = params;
    const request = {
      threadId: requireThreadId(params.threadId),
      ...limitOf(params),
      sortDirection: directionOf(params.sortDirection, "asc"),
      ...(cursor === undefined ? {} : { cursor }),
      ...(turnId === undefined ? {} : { turnId }),
    };
    return this.#link.call(READ, async (options) => {
      const joiner = createJsonJoiner();
      const data: unknown[] = [];
      for await (const { items, end } of this.#link.client.listItems(request, options)) {
        for (const part of items) data.push(...joiner.add(part));
        // Items with their turns, as the server's store gave them.
        if (end !== undefined) return { data: data as { turnId: string; item: ThreadItem }[], ...cursorsOf(end) };
      }
      throw cutShort();
    });
  }
}

function listed<Value>(value: Value | undefined): readonly Value[] {
  return value === undefined ? [] : [value];
}

function limitOf({ limit }: { readonly limit?: number }): { limit?: bigint } {
  return limit === undefined ? {} : { limit: BigInt(pageLimit(limit)) };
}

function cursorsOf(end: ListEnd | PageEnd): { nextCursor: string | null; backwardsCursor: string | null } {
  return { nextCursor: end.nextCursor ?? null, backwardsCursor: end.backwardsCursor ?? null };
}

function scopeOf({ isComplete, asOfMs }: ListEnd): { isComplete: boolean; asOfMs: number } {
  return { isComplete, asOfMs };
}

/** The answer ended before its end: whatever stands between the two cut it. */
function cutShort(): Error {
  return fault("connection_lost", "the server's answer ended before its end", { retryable: true });
}
