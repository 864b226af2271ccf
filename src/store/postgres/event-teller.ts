/**
 * Tells the listeners of this handle what other handles did: while anybody listens it looks what is committed, and tells
 * what it didn't see at the look before, whatever transactions are still open elsewhere. What this handle did was told
 * when it was done, and is passed over here by the tag in its ids.
 *
 * Invariants
 *   T1  Of a thread its records are told in the order of their ordinals, each once: a line is committed before the
 *       next one of its thread is written, and a handle that takes a thread over tells what its owner before wrote first (`takeOver`).
 *   T2  A listener that comes is told from a little before it came: what the server shows is noted with each renewal of the
 *       lease while nobody listens. So nothing is missed between its coming and the first look.
 *   T3  After a failover the server's numbers are others: what was written meanwhile isn't told, and readers by ordinal find it.
 *       Where records that were told are lost, that is told before anything of the new history (told-marks.ts).
 */
import { type Clock, type Logger, withinTime } from "../../base/index.ts";
import { decodeLineBytes, type RolloutRecord } from "../../events/index.ts";
import { createStoreEvents, type StoreEvents } from "../store-events.ts";
import type { StoreEvent } from "../thread-store.ts";
import type { AppendIds } from "./append-ids.ts";
import { FEED_BEFORE_ALL, type FeedEntry, type NewsWanted, readNews, readSnapshot } from "./feed-reader.ts";
import type { PostgresDatabase } from "./postgres-database.ts";
import type { Statements } from "./statements.ts";
import { ToldMarks, type WrittenLine } from "./told-marks.ts";
import type { WakeUps } from "./wake-ups.ts";

/** What a teller works with. */
export interface EventTellerOptions {
  readonly database: PostgresDatabase;
  readonly statements: Statements;
  readonly appendIds: AppendIds;
  readonly wakeUps: WakeUps;
  readonly timers: Clock;
  readonly logger: Logger;
  /** Names the history that places are of by now. */
  readonly history: () => string;
}

/** Threads that this handle took over and that are remembered for T1: the ones taken over last. */
const TAKEN_MAX = 10_000;
/** Longest that a thread's new owner waits for what the one before wrote to be told, milliseconds. */
const CATCH_UP_MS_MAX = 1_000;

export class EventTeller {
  readonly events: StoreEvents;
  /** What is told, and what may have been read by who listens. */
  readonly marks: ToldMarks;
  readonly #options: EventTellerOptions;
  readonly #own: StoreEvents;
  /** Where this handle went on with a thread that it took over. */
  readonly #taken = new Map<string, number>();
  /** All that the server showed then was told; null before the first look. */
  #seen: string | null = null;
  /** A look whose pages are being told. */
  #round: NewsWanted | null = null;
  #history = "";
  #listeners = 0;
  #unwake: (() => void) | null = null;
  #looking: Promise<void> | null = null;
  #isStale = false;
  #isClosed = false;

  constructor(options: EventTellerOptions) {
    this.#options = options;
    this.#own = createStoreEvents(options.logger);
    const { database, statements, history } = options;
    this.marks = new ToldMarks({ database, statements, history, tell: (event) => this.#own.tell(event) });
    this.events = {
      hasListeners: () => this.#own.hasListeners(),
      tell: (event) => this.#tellOut(event),
      subscribe: (listener) => this.#subscribe(listener),
      clear: () => this.#own.clear(),
    };
  }

  /** What the server shows by now, as long as nobody listens (T2). */
  noteEnd(snapshot: string): void {
    if (this.#listeners > 0) return;
    this.#seen = snapshot;
    this.#round = null;
    this.#history = this.#options.history();
  }

  /**
   * This handle goes on with a thread. What its owner before wrote is told now, where anybody listens. After a failover
   * this says first if what was told of the thread is lost, and rejects where the server can't be asked.
   */
  async takeOver(threadId: string, nextOrdinal: number): Promise<void> {
    if (this.#listeners > 0) await withinTime(this.#look(), this.#options.timers, CATCH_UP_MS_MAX);
    await this.marks.check(threadId);
    this.#taken.delete(threadId);
    this.#taken.set(threadId, nextOrdinal);
    if (this.#taken.size <= TAKEN_MAX) return;
    const oldest = this.#taken.keys().next();
    if (oldest.done !== true) this.#taken.delete(oldest.value);
  }

  /** Stops following. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#unwake?.();
    this.#own.clear();
    await this.#looking;
  }

  #subscribe(listener: (event: StoreEvent) => void): () => void {
    const leave = this.#own.subscribe(listener);
    this.#listeners += 1;
    this.marks.start();
    this.#unwake ??= this.#options.wakeUps.onWake(() => void this.#look());
    let isHere = true;
    return () => {
      if (!isHere) return;
      isHere = false;
      leave();
      this.#listeners -= 1;
      if (this.#listeners > 0) return;
      this.marks.stop();
      this.#unwake?.();
      this.#unwake = null;
    };
  }

  /** One look at a time; who asks meanwhile gets another one behind it. */
  async #look(): Promise<void> {
    if (this.#looking !== null) {
      this.#isStale = true;
      await this.#looking;
      return;
    }
    this.#looking = this.#lookAll();
    try {
      await this.#looking;
    } finally {
      this.#looking = null;
    }
  }

  async #lookAll(): Promise<void> {
    do {
      this.#isStale = false;
      try {
        await this.#tellNew();
      } catch (error) {
        this.#options.logger.debug({ error }, "the feed could not be read; it is looked at again");
      }
    } while (this.#isStale && !this.#isClosed);
  }

  async #tellNew(): Promise<void> {
    const { database, statements, history } = this.#options;
    for (;;) {
      if (this.#isClosed || this.#listeners === 0) return;
      if (this.#seen === null || this.#history !== history()) {
        await this.marks.checkAll();
        // Named before it is read: where the server changes meanwhile, it is read again.
        const now = history();
        [this.#seen, this.#round] = [await readSnapshot(database, statements), null];
        this.#history = now;
      }
      const round = this.#round ?? (await this.#nextRound(this.#seen));
      // Of another history by now: its numbers say nothing there.
      if (this.#history !== history()) continue;
      if (round === null) return;
      const { entries, isEnd } = await readNews(database, statements, round);
      if (this.#history !== history()) continue;
      this.#tell(entries);
      this.#round = isEnd ? null : { ...round, behind: entries.at(-1) ?? round.behind };
      if (!isEnd) continue;
      this.#seen = round.until;
      return;
    }
  }

  /** What is to be told next; null: nothing was committed since. */
  async #nextRound(since: string): Promise<NewsWanted | null> {
    const until = await readSnapshot(this.#options.database, this.#options.statements);
    return until === since ? null : { since, until, behind: FEED_BEFORE_ALL };
  }

  #tell(entries: readonly FeedEntry[]): void {
    for (const run of runsOf(entries.filter((entry) => this.#isToTell(entry)))) {
      const [first] = run;
      if (first === undefined) continue;
      const { threadId, told } = first;
      if (told.type === "change") {
        this.#tellOut(changeEvent(threadId, told));
        continue;
      }
      if (told.ordinal === 0) this.#tellOut({ type: "created", threadId });
      this.#tellOut({ type: "appended", threadId, records: run.flatMap(recordOf) });
      this.marks.note(threadId, newestOf(run), this.#history);
    }
  }

  #tellOut(event: StoreEvent): void {
    if (event.type === "deleted") this.marks.forget(event.threadId);
    this.#own.tell(event);
  }

  #isToTell({ threadId, appendId, told }: FeedEntry): boolean {
    if (told.type === "change" && told.kind === "deleted") this.#taken.delete(threadId);
    if (this.#options.appendIds.isOwn(appendId)) return false;
    return told.type === "change" || told.ordinal >= (this.#taken.get(threadId) ?? 0);
  }
}

/** Changes one by one, and lines that follow one another in a thread together. */
function runsOf(entries: readonly FeedEntry[]): readonly (readonly FeedEntry[])[] {
  const runs: FeedEntry[][] = [];
  let run: FeedEntry[] = [];
  let goesOnAt = -1;
  for (const entry of entries) {
    const ordinal = entry.told.type === "line" ? entry.told.ordinal : -1;
    const goesOn = ordinal >= 0 && ordinal === goesOnAt && run[0]?.threadId === entry.threadId;
    if (!goesOn) runs.push((run = []));
    run.push(entry);
    goesOnAt = ordinal < 0 ? -1 : ordinal + 1;
  }
  return runs;
}

function newestOf(run: readonly FeedEntry[]): WrittenLine | undefined {
  const last = run.at(-1);
  return last?.told.type === "line" ? { ordinal: last.told.ordinal, appendId: last.appendId } : undefined;
}

function recordOf({ told }: FeedEntry): readonly RolloutRecord[] {
  return told.type === "line" ? [decodeLineBytes(told.bytes, told.ordinal)] : [];
}

function changeEvent(threadId: string, change: Extract<FeedEntry["told"], { readonly type: "change" }>): StoreEvent {
  if (change.kind !== "named") return { type: change.kind, threadId };
  const name: unknown = change.name === null ? null : JSON.parse(change.name);
  return { type: "name_updated", threadId, name: typeof name === "string" ? name : null };
}
