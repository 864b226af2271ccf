/**
 * Brings the full-text index of a node's rows up to their texts: when no row was written for a moment, before a
 * search, and when too many texts wait. It goes in stretches, and others have their turn between two of them.
 * What it does not come to before the rows are closed is noted in the file.
 */
import { type Clock, type Logger, nextLoopTurn, type Timer } from "../base/index.ts";
import { type LogRowsFile, rowsClosed } from "./log-rows-file.ts";

/** What it works with. */
export interface LogTextIndexerContext {
  readonly file: LogRowsFile;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long nothing is written before texts are indexed, milliseconds. */
const IDLE_MS = 250;
const RETRY_MS = 10_000;
/** What may wait, about a second's work: past it texts are indexed while rows are written. */
const TEXTS_MAX = 20_000;
const LETTERS_MAX = 16 * 1024 * 1024;
/** Past so many times what may wait, who writes rows waits too. */
const HELD_UP_FACTOR = 2;

/** The indexer of one handle. */
export class LogTextIndexer {
  readonly #context: LogTextIndexerContext;
  #timer: Timer | null = null;
  #writtenMs = 0;
  #working: Promise<void> | null = null;
  /** The last work failed, and its time to be tried again has not come. */
  #isPaused = false;
  #isClosed = false;

  constructor(context: LogTextIndexerContext) {
    this.#context = context;
    this.wrote();
  }

  /** Told after rows were written. */
  wrote(): void {
    const { file, clock } = this.#context;
    if (this.#isClosed || file.notes.waiting.texts === 0) return;
    this.#writtenMs = clock.monotonicMs();
    if (this.#isPast(1) && !this.#isPaused) this.#work();
    else if (this.#working === null) this.#soon(IDLE_MS);
  }

  /** Waits where far too much is to be indexed, so that it does not grow on. */
  async room(): Promise<void> {
    if (this.#isPast(HELD_UP_FACTOR)) await this.#working;
  }

  /** Indexes all that was noted before the call. The disk's faults; `runtime_closed`. */
  async bringUp(): Promise<void> {
    const { file } = this.#context;
    const upTo = file.notes.lastSeq;
    while (!this.#stretch(upTo)) await nextLoopTurn();
  }

  /** What is noted stays so. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #stretch(upTo: number): boolean {
    const { file } = this.#context;
    if (this.#isClosed) throw rowsClosed(file.path);
    if (file.notes.waiting.texts === 0) return true;
    try {
      const stretch = file.write(() => file.notes.index(upTo));
      file.notes.indexed(stretch);
      return stretch.isLast;
    } catch (error) {
      throw file.faultOf(error);
    }
  }

  #isPast(factor: number): boolean {
    const { texts, letters } = this.#context.file.notes.waiting;
    return texts > TEXTS_MAX * factor || letters > LETTERS_MAX * factor;
  }

  #soon(delayMs: number): void {
    const { clock } = this.#context;
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = clock.setTimer(delayMs, () => {
      this.#timer = null;
      this.#isPaused = false;
      const leftMs = this.#writtenMs + IDLE_MS - clock.monotonicMs();
      if (leftMs > 0) this.#soon(leftMs);
      else this.#work();
    });
  }

  /** All that waits, by itself; what fails is tried again later. */
  #work(): void {
    this.#working ??= this.bringUp().then(
      () => {
        this.#working = null;
        this.wrote();
      },
      (error: unknown) => {
        this.#working = null;
        if (this.#isClosed) return;
        const { file, logger } = this.#context;
        logger.warn({ error, path: file.path }, "texts could not be indexed; they are tried again");
        this.#isPaused = true;
        this.#soon(RETRY_MS);
      },
    );
  }
}
