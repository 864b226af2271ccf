/**
 * A store's logs as a test writes them: an outer port by a script. Threads are made, appended to, forked by
 * reference, moved, named and deleted; the feed tells it in pages whose cut, repeats and end the test decides, and
 * may hold changes back, lose its history or fail. Not a test.
 */
import { fault } from "../../src/base/index.ts";
import type { LogChanges, LogLine, LogLinesParams, LogThread, ThreadLogSource } from "../../src/store/index.ts";

interface ScriptedThread {
  archived: boolean;
  deleted: boolean;
  name: string | null | undefined;
  lines: Uint8Array[];
  /** Counts the lives of its id. */
  life: number;
}

/** One entry of the feed: a line, or that a thread changed without one. */
interface FeedEntry {
  /** Grows; those of deleted threads are missing. */
  readonly at: number;
  readonly threadId: string;
  readonly ordinal: number | null;
}

export class ScriptedLogSource implements ThreadLogSource {
  readonly place: string;
  /** Entries of one page; asked at each page. */
  pageSize: () => number = () => 1_000;
  /** Entries before the cursor that a page tells once more. */
  repeats: () => number = () => 0;
  /** Lines of one part. */
  partSize = 100;
  /** Entries from this one on, counted from 1, are not told yet. */
  heldFrom = Number.POSITIVE_INFINITY;
  /** Calls that fail, behind so many that don't. */
  failures = 0;
  failsAfter = 0;
  /** Of this thread `lines` gives only those before the ordinal. */
  hole: { readonly threadId: string; readonly from: number } | null = null;
  /** Told before each page is given. */
  onPage: (page: number) => void = () => {};
  pages = 0;
  /** Lines that were read by `lines`. */
  linesRead = 0;
  sweeps = 0;
  generation = 1;
  readonly #threads = new Map<string, ScriptedThread>();
  #feed: FeedEntry[] = [];
  #told = 0;
  readonly #wakes = new Set<() => void>();

  constructor(place = "scripted") {
    this.place = place;
  }

  /** Entries that the feed was given. */
  get toldEntries(): number {
    return this.#told;
  }

  append(threadId: string, lines: readonly Uint8Array[]): number {
    const known = this.#threads.get(threadId);
    const life = known?.life ?? 1;
    const thread =
      known === undefined || known.deleted
        ? { archived: false, deleted: false, name: undefined, lines: [], life: known === undefined ? life : life + 1 }
        : known;
    this.#threads.set(threadId, thread);
    for (const bytes of lines) {
      this.#tell(threadId, thread.lines.length);
      thread.lines.push(bytes);
    }
    return thread.lines.length;
  }

  /** The feed tells the own first line, and never the ones that are the source's. */
  fork(threadId: string, meta: Uint8Array, from: { readonly threadId: string; readonly end: number }): void {
    this.append(threadId, [meta]);
    this.#of(threadId).lines.push(...this.#of(from.threadId).lines.slice(0, from.end));
  }

  change(threadId: string, patch: { readonly archived?: boolean; readonly name?: string | null | undefined }): void {
    Object.assign(this.#of(threadId), patch);
    this.#tell(threadId, null);
  }

  delete(threadId: string): void {
    const thread = this.#of(threadId);
    thread.deleted = true;
    thread.lines = [];
    this.#feed = this.#feed.filter((entry) => entry.threadId !== threadId);
    this.#tell(threadId, null);
  }

  /** The server was restored: the thread has only so many lines, and cursors are of another history. */
  loseHistory(threadId: string, keeps: number): void {
    this.generation += 1;
    this.#of(threadId).lines.length = keeps;
    this.#feed = this.#feed.filter((entry) => entry.threadId !== threadId || (entry.ordinal ?? 0) < keeps);
  }

  wake(): void {
    for (const wake of this.#wakes) wake();
  }

  /** The threads that are there, with their lines. */
  logs(): readonly { readonly thread: LogThread; readonly lines: readonly Uint8Array[] }[] {
    return [...this.#threads.keys()]
      .toSorted()
      .map((threadId) => ({ thread: this.#view(threadId), lines: this.#of(threadId).lines }));
  }

  async changes(cursor: string | null): Promise<LogChanges> {
    this.#mayFail();
    this.pages += 1;
    this.onPage(this.pages);
    const [generation, position] = (cursor ?? `${this.generation}:0`).split(":").map(Number);
    const isReset = generation !== this.generation;
    if (isReset) return { lines: [], threads: [], cursor: await this.now(), isEnd: false, isReset };
    const known = position ?? 0;
    const visible = this.#feed.filter(({ at }) => at < this.heldFrom);
    const first = visible.findIndex(({ at }) => at > known);
    const from = first < 0 ? visible.length : first;
    const end = Math.min(visible.length, from + Math.max(1, this.pageSize()));
    const told = visible.slice(Math.max(0, from - this.repeats()), end);
    const ids = [...new Set(told.map((entry) => entry.threadId))];
    return {
      lines: told.flatMap(({ threadId, ordinal }) => (ordinal === null ? [] : [this.#line(threadId, ordinal)])),
      threads: ids.map((threadId) => this.#view(threadId)),
      cursor: `${this.generation}:${Math.max(known, visible[end - 1]?.at ?? 0)}`,
      isEnd: end === visible.length,
      isHeldBack: visible.length < this.#feed.length,
      isReset,
    };
  }

  async now(): Promise<string> {
    return `${this.generation}:${this.#told}`;
  }

  async threads(after: string | null): Promise<readonly LogThread[]> {
    this.#mayFail();
    if (after === null) this.sweeps += 1;
    const ids = [...this.#threads.keys()].toSorted().filter((threadId) => after === null || threadId > after);
    return ids.slice(0, 3).map((threadId) => this.#view(threadId));
  }

  async thread(threadId: string): Promise<LogThread | undefined> {
    this.#mayFail();
    return this.#threads.has(threadId) ? this.#view(threadId) : undefined;
  }

  async *lines({ threadId, from, end }: LogLinesParams): AsyncGenerator<readonly LogLine[], void, undefined> {
    for (let at = from; at < end; at += this.partSize) {
      this.#mayFail();
      await Promise.resolve();
      const whole = this.hole?.threadId === threadId ? this.hole.from : Number.POSITIVE_INFINITY;
      const stop = Math.min(end, at + this.partSize, this.#threads.get(threadId)?.lines.length ?? 0, whole);
      const part = Array.from({ length: Math.max(0, stop - at) }, (_, index) => this.#line(threadId, at + index));
      this.linesRead += part.length;
      yield part;
    }
  }

  onWake(wake: () => void): () => void {
    this.#wakes.add(wake);
    return () => void this.#wakes.delete(wake);
  }

  /** What is done in it the feed does not tell. */
  silently(work: () => void): void {
    const feed = [...this.#feed];
    work();
    this.#feed = feed;
  }

  #tell(threadId: string, ordinal: number | null): void {
    this.#told += 1;
    this.#feed.push({ at: this.#told, threadId, ordinal });
  }

  #mayFail(): void {
    if (this.failures <= 0) return;
    this.failsAfter -= 1;
    if (this.failsAfter >= 0) return;
    this.failures -= 1;
    throw fault("connection_lost", "the script cut the connection", { retryable: true });
  }

  #of(threadId: string): ScriptedThread {
    const thread = this.#threads.get(threadId);
    if (thread === undefined) throw new TypeError(`the script has no thread ${threadId}`);
    return thread;
  }

  #line(threadId: string, ordinal: number): LogLine {
    const bytes = this.#of(threadId).lines[ordinal];
    if (bytes === undefined) throw new TypeError(`the script has no line ${ordinal} of ${threadId}`);
    return { threadId, ordinal, bytes };
  }

  #view(threadId: string): LogThread {
    const { archived, deleted, name, lines, life } = this.#of(threadId);
    return { threadId, nextOrdinal: lines.length, archived, deleted, name, log: `life ${life}` };
  }
}
