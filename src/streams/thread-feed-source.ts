/**
 * The records of one thread for one subscription: what is in the log first, then what is published, and
 * the log again when the subscriber was too slow.
 *
 * Invariants
 *   T1  Records come in ordinal order, each once, without a gap, from `from` on.
 *       (feed.complete, feed.meanwhile, feed.from-end)
 *   T2  Never more than `bufferRecordsMax` records are held, a page of the log included. At the bound
 *       what is held stays, what is published is passed over (`lagging`), and when the buffer has run
 *       empty the log is read from there on.
 *       (feed.slow)
 *   T3  A signal comes after every record that was published before it. Signals are dropped: the oldest at
 *       `bufferSignalsMax`, and all of them for a subscriber that fell behind, until it has caught up.
 *   T4  When the store says that records which were told are lost, nothing is told any more, neither what is held
 *       nor what the log has now: the feed fails with `history_truncated`.
 *
 * The join of log and live: the subscription begins before the first page is read, and counts what is
 * published (`publishedEnd`). A page that is the log's end and reaches that count has joined; from then on
 * published records are taken, and those the log already gave are known by their ordinals.
 */
import { assert, type Clock, fault, isSkeinError, type Timer } from "../base/index.ts";
import type { RolloutRecord } from "../events/index.ts";
import type { HistoryPage, LoadHistoryParams } from "../store/index.ts";
import { createBoundedQueue } from "./bounded-queue.ts";
import type { EventSource, FeedStats } from "./event-source.ts";
import type { FeedEvent } from "./feed-event.ts";
import { createWakeup } from "./wakeup.ts";

/** What is published of one thread. */
export interface ThreadListener<Signal> {
  onRecords(records: readonly RolloutRecord[]): void;
  onSignal(signal: Signal): void;
  /** Records that were told are lost, and the log ends here now. */
  onTruncated(nextOrdinal: number): void;
  /** Nothing more will come: the thread was deleted, or the hub closed. */
  onEnd(): void;
}

/** What a source reads from and hears of its thread through. */
export interface ThreadFeedContext<Signal> {
  readonly threadId: string;
  readonly clock: Clock;
  loadHistory(params: LoadHistoryParams): Promise<HistoryPage>;
  /** Begins to listen; answers how to end it. */
  listen(listener: ThreadListener<Signal>): () => void;
}

/** Checked settings of a subscription. */
export interface ThreadFeedSettings {
  /** First ordinal, or "end": what is published from now on. */
  readonly from: number | "end";
  readonly signals: boolean;
  readonly bufferRecordsMax: number;
  readonly bufferSignalsMax: number;
  /** Milliseconds between looks at the log for what other processes wrote; null: no looks. */
  readonly pollIntervalMs: number | null;
  readonly abort: AbortSignal | undefined;
}

/** Opens the source; it listens from now on. */
export function openThreadFeedSource<Signal>(
  context: ThreadFeedContext<Signal>,
  settings: ThreadFeedSettings,
): EventSource<FeedEvent<Signal>> {
  return new ThreadFeedSource(context, settings);
}

interface HeldSignal<Signal> {
  readonly signal: Signal;
  /** Comes when every record before this ordinal was handed out. Infinity: not known yet. */
  afterOrdinal: number;
}

class ThreadFeedSource<Signal> implements EventSource<FeedEvent<Signal>>, ThreadListener<Signal> {
  readonly #context: ThreadFeedContext<Signal>;
  readonly #settings: ThreadFeedSettings;
  readonly #records;
  readonly #signals;
  readonly #wakeup = createWakeup();
  /** Ends the reading of a page that is under way; null when none is. */
  #endReading: (() => void) | null = null;
  readonly #unlisten: () => void;
  /** The ordinal after the last record held or handed out; null: not known before something is published. */
  #tail: number | null;
  /** Published records are not taken; the log has them. */
  #isLagging: boolean;
  /** Lagging because the buffer was full: signals are dropped meanwhile. */
  #isSlow = false;
  /** Where the search for the log's end goes on; null: not searching. */
  #searchFrom: number | null = null;
  #publishedFrom: number | null = null;
  #publishedEnd = 0;
  /** Something of the thread was read or published: if it isn't found any more, it was deleted. */
  #hasSeen = false;
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;
  #readying: Promise<boolean> | undefined;
  #hint: { readonly ordinal: number; readonly text: string } | undefined;
  #signalsDropped = 0;
  #overflows = 0;
  #pagesRead = 0;

  constructor(context: ThreadFeedContext<Signal>, settings: ThreadFeedSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#records = createBoundedQueue<RolloutRecord>(settings.bufferRecordsMax);
    this.#signals = createBoundedQueue<HeldSignal<Signal>>(settings.bufferSignalsMax);
    const { from, pollIntervalMs, abort } = settings;
    this.#tail = from === "end" ? null : from;
    // Others' records are only found by their place: who polls from the end must know where that is.
    if (from === "end" && pollIntervalMs !== null) this.#searchFrom = 0;
    this.#isLagging = from !== "end" || this.#searchFrom !== null;
    this.#unlisten = context.listen(this);
    if (abort?.aborted === true) this.stop();
    else abort?.addEventListener("abort", this.#onAbort);
  }

  readonly #onAbort = (): void => this.stop();

  onRecords(records: readonly RolloutRecord[]): void {
    const [first] = records;
    const last = records.at(-1);
    if (first === undefined || last === undefined || this.#failure !== undefined) return;
    this.#hasSeen = true;
    if (this.#publishedFrom === null) {
      this.#publishedFrom = first.ordinal;
      this.#placeSignals(first.ordinal);
    }
    this.#publishedEnd = Math.max(this.#publishedEnd, last.ordinal + 1);
    if (!this.#isLagging) this.#take(records);
    this.#wakeup.wake();
  }

  #take(records: readonly RolloutRecord[]): void {
    for (const record of records) {
      const tail = this.#tail ?? record.ordinal;
      if (record.ordinal < tail) continue;
      if (record.ordinal > tail) {
        // Written by somebody this store doesn't hear of: the log has what is missing.
        this.#isLagging = true;
        return;
      }
      if (!this.#records.push(record)) {
        this.#isLagging = true;
        this.#isSlow = true;
        this.#overflows += 1;
        this.#signalsDropped += this.#signals.size;
        this.#signals.clear();
        return;
      }
      this.#tail = record.ordinal + 1;
    }
  }

  onSignal(signal: Signal): void {
    if (!this.#settings.signals || this.#isOver) return;
    if (this.#isSlow) {
      this.#signalsDropped += 1;
      return;
    }
    const published = this.#publishedEnd === 0 ? Infinity : this.#publishedEnd;
    const afterOrdinal = this.#isLagging ? published : (this.#tail ?? 0);
    if (this.#signals.pushDroppingOldest({ signal, afterOrdinal })) this.#signalsDropped += 1;
    this.#wakeup.wake();
  }

  /** T4. Which of the records are the log's still isn't known, so a feed that holds or gave any is over. */
  onTruncated(nextOrdinal: number): void {
    if (this.#isOver || this.#failure !== undefined) return;
    if (this.#tail === null) {
      // It begins at the end, and nothing of it was taken: the end is looked for anew.
      this.#publishedFrom = null;
      this.#publishedEnd = 0;
      if (this.#searchFrom !== null) this.#searchFrom = 0;
      return;
    }
    const toldOrdinal = this.#tail - this.#records.size - 1;
    this.#records.clear();
    this.#signals.clear();
    this.#failure = { error: truncated({ threadId: this.#context.threadId, nextOrdinal, toldOrdinal }) };
    this.#endReading?.();
    this.#wakeup.wake();
  }

  onEnd(): void {
    this.#isOver = true;
    this.#wakeup.wake();
  }

  poll(): FeedEvent<Signal> | undefined {
    const { threadId } = this.#context;
    if (this.#isSignalNext()) {
      const held = this.#signals.shift();
      return held === undefined ? undefined : { type: "signal", threadId, signal: held.signal };
    }
    const record = this.#records.shift();
    return record === undefined ? undefined : { type: "record", threadId, record };
  }

  #isSignalNext(): boolean {
    const signal = this.#signals.peek();
    const next = this.#records.peek()?.ordinal ?? this.#tail ?? Infinity;
    return signal !== undefined && signal.afterOrdinal <= next;
  }

  ready(): Promise<boolean> {
    this.#readying ??= this.#fill().finally(() => {
      this.#readying = undefined;
    });
    return this.#readying;
  }

  async #fill(): Promise<boolean> {
    for (;;) {
      if (this.#records.size > 0 || this.#isSignalNext()) return true;
      if (this.#isOver || this.#failure !== undefined) {
        this.#letGo();
        if (this.#failure !== undefined) throw this.#failure.error;
        return false;
      }
      if (this.#isLagging) await this.#readOn();
      else await this.#sleep();
    }
  }

  async #sleep(): Promise<void> {
    const { pollIntervalMs } = this.#settings;
    let timer: Timer | undefined;
    if (pollIntervalMs !== null) {
      const look = (): void => {
        this.#isLagging = true;
        this.#wakeup.wake();
      };
      timer = this.#context.clock.setTimer(pollIntervalMs, look, { holdsProcess: true });
    }
    await this.#wakeup.wait();
    timer?.cancel();
  }

  /** Reads a page of the log, and joins when it is the last one. */
  async #readOn(): Promise<void> {
    assert(this.#records.size === 0, "the log is read when nothing is held");
    const hadSeen = this.#hasSeen;
    const published = this.#publishedEnd;
    const from = this.#searchFrom ?? this.#tail ?? 0;
    let page: HistoryPage | null;
    try {
      page = await this.#loadUntilStopped(from);
    } catch (error) {
      if (this.#failure === undefined) this.#onUnreadable(error, hadSeen);
      return;
    }
    if (page === null || this.#failure !== undefined) return;
    this.#pagesRead += 1;
    this.#hasSeen = true;
    if (page.hint !== undefined) this.#hint = { ordinal: page.nextOrdinal, text: page.hint };
    const isSearching = this.#searchFrom !== null;
    if (isSearching) this.#searchOn(page);
    else this.#accept(page, from);
    // Asked for again, the same end would come again, for ever.
    // A page that only looked for the end has taken nothing yet: where it ends counts, not what is held. Of one that
    // was read what it holds counts, whatever it says of its end.
    const end = isSearching ? page.nextOrdinal : from + page.records.length;
    if (page.isEnd && end < published) this.#failure = { error: this.#missing(end, published) };
  }

  /** The log ends before what was published when it was asked. */
  #missing(nextOrdinal: number, publishedEnd: number): Error {
    const { threadId } = this.#context;
    const text = `records of thread ${threadId} that were told are missing behind ordinal ${nextOrdinal}`;
    return fault("rollout_unreadable", text, { data: { threadId, nextOrdinal, publishedEnd } });
  }

  /**
   * Null when stopped meanwhile. The promise is this page's own: a race against one that lives as long as
   * the feed would keep every page it ever read.
   */
  #loadUntilStopped(from: number): Promise<HistoryPage | null> {
    return new Promise<HistoryPage | null>((resolve, reject) => {
      this.#endReading = (): void => resolve(null);
      this.#load(from).then(resolve, reject);
    }).finally(() => {
      this.#endReading = null;
    });
  }

  #load(from: number): Promise<HistoryPage> {
    const { threadId } = this.#context;
    const limit = this.#settings.bufferRecordsMax;
    const hint = this.#hint?.ordinal === from ? { hint: this.#hint.text } : {};
    return this.#context.loadHistory({ threadId, from, limit, ...hint });
  }

  #accept(page: HistoryPage, from: number): void {
    let tail = from;
    for (const record of page.records) {
      assert(record.ordinal === tail, "a page of history has no gaps");
      this.#records.push(record);
      tail += 1;
    }
    this.#tail = tail;
    if (page.isEnd && this.#publishedEnd <= tail) this.#join(tail);
  }

  #join(tail: number): void {
    this.#isLagging = false;
    this.#isSlow = false;
    this.#placeSignals(tail);
  }

  /** Signals that came when nobody knew how long the log was belong before this ordinal. */
  #placeSignals(ordinal: number): void {
    for (const held of this.#signals) {
      held.afterOrdinal = Math.min(held.afterOrdinal, ordinal);
    }
  }

  /** Passes over what was in the log before the subscription. */
  #searchOn(page: HistoryPage): void {
    this.#searchFrom = page.nextOrdinal;
    if (this.#publishedFrom !== null && page.nextOrdinal >= this.#publishedFrom) {
      this.#tail = this.#publishedFrom;
      this.#searchFrom = null;
    } else if (page.isEnd) {
      this.#tail = page.nextOrdinal;
      this.#searchFrom = null;
      if (this.#publishedEnd <= page.nextOrdinal) this.#join(page.nextOrdinal);
    }
  }

  #onUnreadable(error: unknown, hadSeen: boolean): void {
    // Closed under a feed that has told something, it has ended; before that, it could not begin.
    const isEnd = isSkeinError(error, "runtime_closed") && (hadSeen || this.#isOver);
    if (isEnd) this.#isOver = true;
    else if (!isSkeinError(error, "thread_not_found")) this.#failure = { error };
    else if (hadSeen) this.#isOver = true;
    else if (!this.#hasSeen) {
      // Only created so far, if at all: there is nothing to catch up with.
      this.#searchFrom = null;
      this.#tail ??= 0;
      this.#join(this.#tail);
    }
  }

  stop(): void {
    this.#records.clear();
    this.#signals.clear();
    this.#letGo();
    this.#isOver = true;
    this.#endReading?.();
    this.#wakeup.wake();
  }

  #letGo(): void {
    this.#unlisten();
    this.#settings.abort?.removeEventListener("abort", this.#onAbort);
  }

  stats(): FeedStats {
    return {
      held: this.#records.size,
      heldPeak: this.#records.peakSize,
      signalsHeld: this.#signals.size,
      signalsDropped: this.#signalsDropped,
      overflows: this.#overflows,
      pagesRead: this.#pagesRead,
    };
  }
}

function truncated(at: {
  readonly threadId: string;
  readonly nextOrdinal: number;
  readonly toldOrdinal: number;
}): Error {
  const text = `the server lost history of thread ${at.threadId}: its log ends at ordinal ${at.nextOrdinal} now, and what was told up to ordinal ${at.toldOrdinal} may not be in it; read the thread anew from its beginning`;
  return fault("history_truncated", text, { data: at });
}
