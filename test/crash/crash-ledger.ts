/**
 * The books of a crash test: what the killed children asked and were told, over all of their lives on one
 * home, and the check of the home against it. The laws:
 *   - what was acknowledged is there: whole, once, at its ordinal, until it was asked to be undone;
 *   - what was not acknowledged is there whole or not at all;
 *   - nothing unreadable is in any log, and the next append stands on a line of its own.
 */
import { readFile } from "node:fs/promises";

import type { RolloutRecord } from "../../src/events/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { batchItems, type Intent, placeOf, type Report } from "./crash-reports.ts";

interface BatchBook {
  readonly count: number;
  /** Undefined as long as it was not acknowledged. */
  firstOrdinal: number | undefined;
}

interface ForkBook {
  readonly sourceId: string;
  readonly endOrdinal: number;
}

interface ThreadBook {
  readonly batches: Map<string, BatchBook>;
  fork: ForkBook | undefined;
  /** Whether something of the thread was acknowledged, so that it must be there. */
  isStored: boolean;
  isDeleted: "no" | "asked" | "yes";
  /** What may be shown: what was acknowledged last, and what was asked since. */
  names: (string | null)[];
  branches: (string | null)[];
  archived: boolean[];
}

/** The books of one home. */
export class CrashLedger {
  readonly #threads = new Map<string, ThreadBook>();
  readonly #open = new Map<number, Intent>();
  #acknowledged = 0;

  /** Things that were acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Takes one line of a child. */
  take(report: Report): void {
    if (report.say === "writing") return;
    if (report.say === "begin") {
      this.#open.set(report.id, report.intent);
      this.#begin(report.intent);
      return;
    }
    const intent = this.#open.get(report.id);
    this.#open.delete(report.id);
    if (intent === undefined) throw new Error(`the child answers ${report.id}, which it never began`);
    if (report.say === "failed") throw new Error(`a store on a good disk failed: ${report.error}`);
    this.#acknowledged += 1;
    this.#done(intent, report.firstOrdinal);
  }

  /** The child is dead: what is open will never be answered. */
  childDied(): void {
    this.#open.clear();
  }

  /** Checks the home through a fresh store, and leaves each thread with one more record. */
  async check(store: ThreadStore, round: string): Promise<void> {
    const listed = await listAll(store);
    const books = [...this.#threads].filter(([, book]) => book.isDeleted !== "yes");
    for (const [threadId, book] of books) {
      const isThere = listed.has(threadId);
      if (!isThere && book.isStored && book.isDeleted === "no") throw new Error(`thread ${threadId} is gone`);
      if (!isThere) {
        this.#threads.delete(threadId);
        continue;
      }
      await this.#checkThread(store, threadId, book);
      await this.#appendTo(store, threadId, `batch-check-${round}`);
    }
    for (const id of listed) if (!this.#threads.has(id)) throw new Error(`thread ${id} was never asked for`);
  }

  #book(threadId: string): ThreadBook {
    const known = this.#threads.get(threadId);
    if (known !== undefined) return known;
    const book: ThreadBook = {
      batches: new Map(),
      fork: undefined,
      isStored: false,
      isDeleted: "no",
      names: [null],
      branches: [null],
      archived: [false],
    };
    this.#threads.set(threadId, book);
    return book;
  }

  #begin(intent: Intent): void {
    const book = this.#book(intent.threadId);
    switch (intent.what) {
      case "append":
        book.batches.set(intent.batch, { count: intent.count, firstOrdinal: undefined });
        return;
      case "name":
        book.names.push(intent.name);
        return;
      case "branch":
        book.branches.push(intent.branch);
        return;
      case "archive":
      case "unarchive":
        book.archived.push(intent.what === "archive");
        return;
      case "delete":
        book.isDeleted = "asked";
        return;
      case "fork":
        book.fork = intent;
        return;
    }
  }

  #done(intent: Intent, firstOrdinal: number | undefined): void {
    const book = this.#book(intent.threadId);
    book.isStored = true;
    switch (intent.what) {
      case "append": {
        const batch = book.batches.get(intent.batch);
        if (batch !== undefined) batch.firstOrdinal = firstOrdinal;
        return;
      }
      case "name":
        book.names = [intent.name];
        return;
      case "branch":
        book.branches = [intent.branch];
        return;
      case "archive":
      case "unarchive":
        book.archived = [intent.what === "archive"];
        return;
      case "delete":
        book.isDeleted = "yes";
        return;
      case "fork":
        return;
    }
  }

  async #checkThread(store: ThreadStore, threadId: string, book: ThreadBook): Promise<void> {
    const thread = await store.readThread({ threadId, includeHistory: true });
    const log = thread.history ?? [];
    for (const { ordinal, item } of log) {
      if (item.type === "unreadable") throw new Error(`${threadId}: record ${ordinal} is unreadable: ${item.reason}`);
    }
    const own = book.fork === undefined ? log : log.slice(1 + book.fork.endOrdinal);
    if (book.fork !== undefined && log.length < 1 + book.fork.endOrdinal) {
      throw new Error(`${threadId}: the fork holds ${log.length - 1} of ${book.fork.endOrdinal} records`);
    }
    checkBatches(threadId, own, book.batches);
    if (!book.names.includes(thread.name))
      throw new Error(`${threadId}: is named ${thread.name}, not ${book.names.join(" or ")}`);
    const branch = thread.git?.branch ?? null;
    if (!book.branches.includes(branch))
      throw new Error(`${threadId}: is on ${branch}, not ${book.branches.join(" or ")}`);
    if (!book.archived.includes(thread.archived)) throw new Error(`${threadId}: archived is ${thread.archived}`);
    // What was unsure is decided now, and must not change any more.
    book.names = [thread.name];
    book.branches = [branch];
    book.archived = [thread.archived];
    book.isStored = true;
    book.isDeleted = "no";
  }

  async #appendTo(store: ThreadStore, threadId: string, batch: string): Promise<void> {
    const { writer, nextOrdinal, path } = await store.resumeThread({ threadId });
    const items = batchItems(batch, 1, 0);
    const { firstOrdinal } = await store.appendItems({ writer, items, expectedOrdinal: nextOrdinal });
    await store.shutdownThread(writer);
    this.#book(threadId).batches.set(batch, { count: 1, firstOrdinal });
    const lines = (await readFile(path ?? "", "utf8")).split("\n");
    if (lines.pop() !== "") throw new Error(`${threadId}: the file does not end in a newline`);
    for (const line of lines) JSON.parse(line);
    if (lines.length !== nextOrdinal + 1)
      throw new Error(`${threadId}: ${lines.length} lines, ${nextOrdinal + 1} records`);
  }
}

/** Every batch of a log is whole and stands in one piece; every acknowledged one is there, at its place. */
function checkBatches(threadId: string, log: readonly RolloutRecord[], books: ReadonlyMap<string, BatchBook>): void {
  const there = new Map<string, number>();
  for (let at = 0; at < log.length;) {
    const record = log[at];
    const place = record === undefined ? undefined : placeOf(record);
    if (record === undefined || place === undefined) {
      at += 1;
      continue;
    }
    const { batch, count } = place;
    if (there.has(batch)) throw new Error(`${threadId}: ${batch} is there twice`);
    if (!books.has(batch)) throw new Error(`${threadId}: ${batch} was never asked for`);
    there.set(batch, record.ordinal);
    for (let index = 0; index < count; index += 1) {
      const next = log[at + index];
      const found = next === undefined ? undefined : placeOf(next);
      if (found?.batch !== batch || found.index !== index) throw new Error(`${threadId}: ${batch} is half there`);
    }
    at += count;
  }
  for (const [batch, { firstOrdinal }] of books) {
    if (firstOrdinal === undefined) continue;
    if (there.get(batch) !== firstOrdinal) {
      throw new Error(
        `${threadId}: ${batch} was acknowledged at ${firstOrdinal} and is at ${there.get(batch) ?? "no place"}`,
      );
    }
  }
}

async function listAll(store: ThreadStore): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const archived of [false, true]) {
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<ThreadStore["listThreads"]>> = await store.listThreads({
        archived,
        limit: 1_000,
        ...(cursor === null ? {} : { cursor }),
      });
      for (const { id } of page.data) ids.add(id);
      cursor = page.nextCursor;
    } while (cursor !== null);
  }
  return ids;
}
