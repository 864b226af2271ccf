/**
 * Follows the feed of a store's logs into the rows: a look goes through pages of changes to the feed's end, each
 * page written in one transaction with the cursor behind it, the next one fetched meanwhile. It looks when it is
 * woken or asked; else it is idle. A look that fails is tried again after growing delays, whatever wakes it before,
 * and the lag shows it.
 *
 * 1. The cursor never stands behind a change that is not in the rows, or that a sweep will not find.
 * 2. A cursor of another history is not gone on from before all rows were compared with the logs; nor is the first
 *    one noted before the rows that readers had made without one.
 * 3. What the feed can't tell (lines that a fork has from its source, changes that are held back) sweeps find: one
 *    at each opening and reset, one when it is asked for while the feed is held back, and one now and then.
 */
import { type Clock, type Logger, nextLoopTurn, type Timer, withinTime } from "../base/index.ts";
import { peekMore } from "../events/index.ts";
import type { LogChanges, LogIndexLag, LogLine, LogThread, ThreadLogSource } from "../store/index.ts";
import type { LogApplier, LogPiece } from "./log-applier.ts";
import { type LogRowsFile, rowsClosed } from "./log-rows-file.ts";
import { compareEarlyRows, sweepLogs } from "./log-sweep.ts";

/** How far catching up has come. */
export interface LogRowsProgress {
  /** Lines that came by the feed since the look began. */
  readonly lines: number;
  /** The look is over: the rows are at the feed's end. */
  readonly isCaughtUp: boolean;
}

/** What it works with. */
export interface LogFollowerContext {
  readonly file: LogRowsFile;
  readonly source: ThreadLogSource;
  readonly applier: LogApplier;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shortest time between two sweeps that nothing asks for, milliseconds. */
  readonly sweepEveryMs: number;
  /** Whether somebody waits for a record to be in the rows. */
  readonly isAwaited: () => boolean;
  readonly onProgress: (progress: LogRowsProgress) => void;
}

/** How long a wake waits for company, milliseconds: a look costs each thread that it finds about as much as ten lines. */
const BATCH_MS = 250;
/** The same while somebody waits for a record. Who asks for a look waits for neither. */
const AWAITED_MS = 25;
const DELAY_MIN_MS = 100;
const DELAY_MAX_MS = 10_000;
const PROGRESS_EVERY_MS = 1_000;
/** Threads of which a feed has told less than there is; past it a sweep finds them. */
const BEHIND_MAX = 10_000;
const PIECES_AT_ONCE = 64;
/** Of the time between sweeps, the part that they may take: one in so many. */
const SWEEP_SHARE = 100;
const CLOSE_WAIT_MS = 5_000;

type Fetched = { readonly page: LogChanges; readonly atMs: number } | { readonly error: unknown };

/** The follower of one handle. */
export class LogFollower {
  readonly #context: LogFollowerContext;
  readonly #ending = new AbortController();
  /** Threads whose rows end before their logs do, as the feed told. */
  readonly #behind = new Map<string, LogThread>();
  #cursor: string | null;
  #asOfMs: number;
  #isCaughtUp = false;
  #sweepDue = true;
  #nextSweepMs = 0;
  #looking: Promise<void> | null = null;
  #nextLook: Promise<void> | null = null;
  /** Somebody waits for the next look, and it is not to leave out what is held back. */
  #isAsked = false;
  #timer: { readonly timer: Timer; readonly dueMs: number } | null = null;
  /** How long the last look that failed is waited for, and till when; 0 since one that worked. */
  #delayMs = 0;
  #notBeforeMs = 0;
  #unsubscribe: () => void = () => {};

  constructor(context: LogFollowerContext) {
    this.#context = context;
    ({ cursor: this.#cursor, asOfMs: this.#asOfMs } = context.file.feedPlace());
  }

  /** Begins to follow: looks at once, and at each wake. */
  start(): void {
    const { source, isAwaited } = this.#context;
    this.#unsubscribe = source.onWake(() => this.#soon(isAwaited() ? AWAITED_MS : BATCH_MS));
    this.#soon(0);
  }

  lag(): LogIndexLag {
    const behindMs = Math.max(0, this.#context.clock.nowMs() - this.#asOfMs);
    return { asOfMs: this.#asOfMs, behindMs, isCaughtUp: this.#isCaughtUp };
  }

  /** Brings all rows up to what was acknowledged before the call; one look for all who ask at the same time. */
  catchUp(): Promise<void> {
    this.#isAsked = true;
    return this.#look();
  }

  /** Ends the look that is under way, and all later ones. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#timer?.timer.cancel();
    this.#ending.abort(rowsClosed(this.#context.file.path));
    const looking = this.#looking?.catch((error: unknown) =>
      this.#context.logger.debug({ error }, "a look at the feed was ended by closing"),
    );
    if (looking !== undefined) await withinTime(looking, this.#context.clock, CLOSE_WAIT_MS);
  }

  #soon(delayMs: number): void {
    if (this.#ending.signal.aborted) return;
    const { clock } = this.#context;
    const nowMs = clock.monotonicMs();
    const dueMs = Math.max(nowMs + delayMs, this.#notBeforeMs);
    if (this.#timer !== null && this.#timer.dueMs <= dueMs) return;
    this.#timer?.timer.cancel();
    const timer = clock.setTimer(dueMs - nowMs, () => {
      this.#timer = null;
      void this.#lookUnasked();
    });
    this.#timer = { timer, dueMs };
  }

  async #lookUnasked(): Promise<void> {
    if (this.#looking !== null && this.#nextLook === null) {
      // Not queued behind it: should it fail, its delay comes first.
      await Promise.allSettled([this.#looking]);
      this.#soon(0);
      return;
    }
    try {
      await this.#look();
    } catch (error) {
      if (this.#ending.signal.aborted) return;
      const { logger } = this.#context;
      if (this.#delayMs === 0) logger.warn({ error }, "the rows could not follow the logs; they are tried again");
      else logger.debug({ error, delayMs: this.#delayMs }, "the rows still can't follow the logs");
      this.#delayMs = Math.min(DELAY_MAX_MS, Math.max(DELAY_MIN_MS, this.#delayMs * 2));
      this.#notBeforeMs = this.#context.clock.monotonicMs() + this.#delayMs;
      // A wake that came during the look has set one for earlier.
      this.#timer?.timer.cancel();
      this.#timer = null;
      this.#soon(0);
    }
  }

  /** A look worked, whoever began it. */
  #endDelays(): void {
    if (this.#delayMs === 0) return;
    this.#delayMs = 0;
    this.#notBeforeMs = 0;
    // What woke it behind this look's last page would wait for the end of the delay.
    if (this.#timer !== null) this.#soon(BATCH_MS);
  }

  /** A look that is under way may have passed what the caller wants to see: who comes then shares the next. */
  #look(): Promise<void> {
    if (this.#ending.signal.aborted) return Promise.reject(rowsClosed(this.#context.file.path));
    if (this.#nextLook !== null) return this.#nextLook;
    if (this.#looking === null) return this.#beginLook();
    this.#nextLook = this.#looking.then(
      () => this.#beginLook(),
      () => this.#beginLook(),
    );
    return this.#nextLook;
  }

  #beginLook(): Promise<void> {
    this.#nextLook = null;
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    const looking = this.#lookOnce(isAsked)
      .catch((error: unknown) => {
        this.#isCaughtUp = false;
        this.#ending.signal.throwIfAborted();
        throw this.#context.file.faultOf(error);
      })
      .finally(() => {
        if (this.#looking === looking) this.#looking = null;
      });
    this.#looking = looking;
    return looking;
  }

  async #lookOnce(isAsked: boolean): Promise<void> {
    const { atMs, isHeldBack } = await this.#followFeed();
    await this.#bringBehind();
    const { clock } = this.#context;
    const isSweepTime = clock.monotonicMs() >= this.#nextSweepMs;
    let asOfMs = isHeldBack ? this.#asOfMs : atMs;
    if (this.#sweepDue || isSweepTime || (isAsked && isHeldBack)) asOfMs = await this.#sweep({ comparesLines: false });
    this.#asOfMs = Math.max(this.#asOfMs, asOfMs);
    this.#isCaughtUp = true;
    this.#endDelays();
  }

  /** Applies pages to the feed's end. */
  async #followFeed(): Promise<{ readonly atMs: number; readonly isHeldBack: boolean }> {
    const { clock } = this.#context;
    let lines = 0;
    let toldMs = clock.monotonicMs();
    let fetching = this.#fetch(this.#cursor);
    for (;;) {
      const fetched = await fetching;
      this.#ending.signal.throwIfAborted();
      if ("error" in fetched) throw fetched.error;
      const { page, atMs } = fetched;
      if (page.isReset && this.#cursor !== null) {
        await this.#beginAnew(page.cursor);
        fetching = this.#fetch(this.#cursor);
        continue;
      }
      if (this.#cursor === null) await compareEarlyRows({ ...this.#context, signal: this.#ending.signal });
      const next = page.isEnd ? null : this.#fetch(page.cursor);
      await this.#applyPage(page, page.isEnd && page.isHeldBack !== true ? atMs : this.#asOfMs);
      lines += page.lines.length;
      if (next === null) {
        if (!this.#isCaughtUp || toldMs < 0) this.#tell({ lines, isCaughtUp: true });
        return { atMs, isHeldBack: page.isHeldBack === true };
      }
      if (clock.monotonicMs() - toldMs >= PROGRESS_EVERY_MS) {
        this.#tell({ lines, isCaughtUp: false });
        toldMs = clock.monotonicMs();
      }
      await nextLoopTurn();
      fetching = next;
    }
  }

  async #fetch(cursor: string | null): Promise<Fetched> {
    const atMs = this.#context.clock.nowMs();
    try {
      return { page: await this.#context.source.changes(cursor), atMs };
    } catch (error) {
      return { error };
    }
  }

  async #applyPage(page: LogChanges, asOfMs: number): Promise<void> {
    const { file, applier } = this.#context;
    const pieces = piecesOf(page);
    const { cursor } = page;
    if (pieces.length > 0 || cursor !== this.#cursor) {
      const before = this.#asOfMs;
      await applier.apply(pieces, () => file.noteFeedPlace({ cursor, asOfMs: Math.max(before, asOfMs) }));
    }
    this.#cursor = cursor;
    const tells = new Set(page.lines.filter(({ ordinal }) => ordinal > 0).map(({ threadId }) => threadId));
    for (const { threadId, thread } of pieces) {
      if (thread === undefined) continue;
      this.#behind.delete(threadId);
      // What came behind such a line meanwhile is on the next page.
      if (thread.deleted || tells.has(threadId)) continue;
      if (applier.rowsEndOf(threadId) < thread.nextOrdinal) this.#behind.set(threadId, thread);
    }
    if (this.#behind.size > BEHIND_MAX) {
      this.#behind.clear();
      this.#sweepDue = true;
    }
  }

  /** Reads what the feed did not tell of threads that it told of: most often a fork's first lines. */
  async #bringBehind(): Promise<void> {
    const threads = [...this.#behind.values()];
    for (let at = 0; at < threads.length; at += PIECES_AT_ONCE) {
      this.#ending.signal.throwIfAborted();
      const some = threads.slice(at, at + PIECES_AT_ONCE);
      await this.#context.applier.apply(
        some.map((thread) => ({ threadId: thread.threadId, thread, end: thread.nextOrdinal })),
      );
      for (const { threadId } of some) this.#behind.delete(threadId);
    }
  }

  /** Answers as of when the rows are complete by it. */
  async #sweep({ comparesLines }: { readonly comparesLines: boolean }): Promise<number> {
    const { clock, logger, sweepEveryMs } = this.#context;
    const begunMs = clock.nowMs();
    const begun = clock.monotonicMs();
    const report = await sweepLogs({ ...this.#context, comparesLines, signal: this.#ending.signal });
    const tookMs = clock.monotonicMs() - begun;
    this.#sweepDue = false;
    this.#nextSweepMs = clock.monotonicMs() + Math.max(sweepEveryMs, tookMs * SWEEP_SHARE);
    if (report.repaired > 0) logger.info({ ...report, tookMs }, "a sweep brought rows up that the feed had not");
    return begunMs;
  }

  /** The server was restored, or lost some of its history: what the rows say is compared, and then the feed goes on here. */
  async #beginAnew(cursor: string): Promise<void> {
    const { file, logger } = this.#context;
    logger.warn({ path: file.path }, "the feed's cursor is of another history; all rows are compared with the logs");
    this.#behind.clear();
    this.#isCaughtUp = false;
    await this.#sweep({ comparesLines: true });
    file.write(() => file.noteFeedPlace({ cursor, asOfMs: this.#asOfMs }));
    this.#cursor = cursor;
  }

  #tell(progress: LogRowsProgress): void {
    const { logger, onProgress } = this.#context;
    if (progress.lines > 0) logger.info({ ...progress }, "rows catch up with the logs");
    onProgress(progress);
  }
}

/** A page's lines by their threads. */
function piecesOf({ lines, threads }: LogChanges): readonly LogPiece[] {
  const states = new Map(threads.map((thread) => [thread.threadId, thread]));
  const byThread = new Map<string, LogLine[]>();
  for (const line of lines) {
    const own = byThread.get(line.threadId);
    if (own === undefined) byThread.set(line.threadId, [line]);
    else own.push(line);
  }
  const ids = new Set([...byThread.keys(), ...states.keys()]);
  return [...ids].map((threadId) => {
    const thread = states.get(threadId);
    const own = (byThread.get(threadId) ?? []).toSorted((a, b) => a.ordinal - b.ordinal);
    return { threadId, thread, lines: thread === undefined ? own : wholeAppends(own, thread) };
  });
}

/** The lines without an append at their end of which some are on the next page: it is applied as a whole. */
function wholeAppends(lines: readonly LogLine[], { nextOrdinal }: LogThread): readonly LogLine[] {
  const last = lines.at(-1);
  if (last === undefined || last.ordinal + 1 >= nextOrdinal) return lines;
  let end = lines.length;
  while (end > 0 && moreOf(lines[end - 1]) > 0) end -= 1;
  return lines.slice(0, end);
}

function moreOf(line: LogLine | undefined): number {
  return line === undefined ? 0 : peekMore(line.bytes, 0, line.bytes.byteLength - 1);
}
