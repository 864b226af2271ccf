/**
 * The service's feed of one thread: its log from an ordinal on, a page at a time, then what comes, read from the log
 * again when something woke it. The generator is pulled: a reader that is slow holds its place and one page, and what
 * is written meanwhile stays in the log. Its watch ends with the call, however that ends.
 *
 * A log that is shorter than its reader's place has lost history; that is told where the call begins and when the
 * thread changed in another way than by an append. Records that took the place of lost ones can't be told from them.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

import { fault, isSkeinError } from "../../base/index.ts";
import { historyRange } from "../history-range.ts";
import { boundedLimit } from "../page-limit.ts";
import type { HistoryPage, LoadHistoryParams, ThreadStore } from "../thread-store.ts";
import type { FollowThreadResponseSchema, ThreadStoreService } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import type { ThreadWatch, ThreadWatches } from "./thread-watches.ts";
import { numberOf } from "./wire-members.ts";
import { inMessages, PARTS_MAX, wireRecords, wireRecordSize } from "./wire-parts.ts";

/** Records of the first page, whose size nobody knows. */
const FIRST_PAGE_RECORDS = 50;
/** Records of a page, and the bytes that it is to have by the size of those before it. */
const PAGE_RECORDS_MAX = 500;
const PAGE_BYTES = 1024 * 1024;

/** The service's feed of one thread. */
export type FollowingService = Pick<ServiceImpl<typeof ThreadStoreService>, "followThread">;

/** What it is made over. */
export interface FollowingServiceOptions {
  readonly store: ThreadStore;
  readonly watches: ThreadWatches;
}

/** Makes it. */
export function createFollowingService({ store, watches }: FollowingServiceOptions): FollowingService {
  return {
    async *followThread(request, context) {
      const { threadId } = request;
      const { from } = historyRange({ from: numberOf(request.from) ?? 0 });
      const partsMax = boundedLimit(numberOf(request.recordsPerMessageMax) ?? PARTS_MAX, PARTS_MAX);
      const watch = watches.watch(threadId);
      try {
        yield* follow(new FollowedLog(store, { threadId, place: from, partsMax }), watch, context);
      } finally {
        watch.leave();
      }
    },
  };
}

type FollowMessage = MessageInitShape<typeof FollowThreadResponseSchema>;

async function* follow(
  log: FollowedLog,
  watch: ThreadWatch,
  { signal }: HandlerContext,
): AsyncGenerator<FollowMessage> {
  for (let isFirst = true; ; isFirst = false) {
    const { hasChanged } = watch.rest();
    const page = watch.isDeleted ? null : await log.readOn(isFirst || hasChanged);
    signal.throwIfAborted();
    // The log may be long enough again, with other records.
    if (watch.isTruncated && log.place > 0) throw log.truncated();
    // What was read of a deleted thread may be of another one with its id.
    if (page === null || watch.isDeleted) {
      yield { nextOrdinal: BigInt(log.place), isDeleted: true };
      return;
    }
    for (const message of log.messagesOf(page)) {
      yield message;
      signal.throwIfAborted();
    }
    if (page.isEnd || page.records.length === 0) await watch.wait(signal);
    signal.throwIfAborted();
  }
}

interface FollowedLogOptions {
  readonly threadId: string;
  readonly place: number;
  readonly partsMax: number;
}

/** One reader's place in a thread's log. */
class FollowedLog {
  readonly #store: ThreadStore;
  readonly #threadId: string;
  readonly #partsMax: number;
  #place: number;
  #limit = FIRST_PAGE_RECORDS;
  #hint: string | undefined;
  /** The thread was there: if it isn't found any more, it was deleted. */
  #hasSeen = false;
  /** The reader knows that it has reached the end. */
  #isLive = false;

  constructor(store: ThreadStore, { threadId, place, partsMax }: FollowedLogOptions) {
    this.#store = store;
    this.#threadId = threadId;
    this.#partsMax = partsMax;
    this.#place = place;
  }

  /** The first ordinal that was not told as a whole. */
  get place(): number {
    return this.#place;
  }

  /** The next page; null: the thread was deleted. `isChecked`: throws `history_truncated` where the log ends before the place. */
  async readOn(isChecked: boolean): Promise<HistoryPage | null> {
    const hint = this.#hint === undefined ? {} : { hint: this.#hint };
    const page = await this.#load({ threadId: this.#threadId, from: this.#place, limit: this.#limit, ...hint });
    if (page === null) return null;
    this.#hasSeen = true;
    this.#hint = page.hint;
    if (page.records.length > 0 || !isChecked || this.#place === 0) return page;
    const before = await this.#load({ threadId: this.#threadId, from: this.#place - 1, limit: 1 });
    if (before?.records.length === 0) throw this.truncated();
    return before === null ? null : page;
  }

  /** The page as messages; none where it says nothing new. The place is behind each when it was taken. */
  *messagesOf({ records, nextOrdinal, isEnd }: HistoryPage): Generator<FollowMessage> {
    let bytes = 0;
    for (const message of inMessages(wireRecords(records), wireRecordSize, this.#partsMax)) {
      const last = message.at(-1);
      const ordinal = last === undefined ? this.#place : Number(last.ordinal);
      this.#place = last?.continued === true ? ordinal : ordinal + 1;
      this.#isLive = isEnd && this.#place === nextOrdinal;
      bytes += message.reduce((sum, part) => sum + wireRecordSize(part), 0);
      yield { records: message, nextOrdinal: BigInt(this.#place), isLive: this.#isLive };
    }
    if (records.length > 0) this.#limit = pageLimitOf(bytes / records.length);
    if (!isEnd || this.#isLive) return;
    this.#isLive = true;
    yield { nextOrdinal: BigInt(this.#place), isLive: true };
  }

  async #load(params: LoadHistoryParams): Promise<HistoryPage | null> {
    try {
      return await this.#store.loadHistory(params);
    } catch (error) {
      if (this.#hasSeen && isSkeinError(error, "thread_not_found")) return null;
      throw error;
    }
  }

  /** What was told, or was read before, isn't the log's any more. */
  truncated(): Error {
    const threadId = this.#threadId;
    const text = `thread ${threadId} does not go on at ordinal ${this.#place}: its log is shorter than what was read of it, or has other records by now, or the ordinal is not one of it; read the thread anew from its beginning`;
    return fault("history_truncated", text, { data: { threadId, ordinal: this.#place } });
  }
}

/** Records of this many bytes in a page. */
function pageLimitOf(recordBytes: number): number {
  return Math.max(1, Math.min(PAGE_RECORDS_MAX, Math.floor(PAGE_BYTES / recordBytes)));
}
