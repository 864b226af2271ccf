/**
 * Which threads have been idle for how long: one timer for all of them, because a timer of its own would
 * cost each idle thread some 800 bytes. All wait equally long, so the order of their last use is the
 * order in which they are due.
 */
import type { Clock, Timer } from "../base/index.ts";

/** What is told when its time is over; it may touch itself again. */
export interface IdleThread {
  idleElapsed(): void;
}

export class IdleSweeper {
  readonly #clock: Clock;
  readonly #idleMs: number;
  /** Due times, the least recently used first. */
  readonly #due = new Map<IdleThread, number>();
  #timer: Timer | null = null;

  /** `idleMs` of Infinity: nothing is ever due. */
  constructor(clock: Clock, idleMs: number) {
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  /** The thread was used, or became idle: its time begins now. */
  touch(thread: IdleThread): void {
    if (!Number.isFinite(this.#idleMs)) return;
    this.#due.delete(thread);
    this.#due.set(thread, this.#clock.monotonicMs() + this.#idleMs);
    this.#timer ??= this.#clock.setTimer(this.#idleMs, () => this.#sweep());
  }

  /** The thread isn't idle any more. */
  forget(thread: IdleThread): void {
    this.#due.delete(thread);
    if (this.#due.size > 0 || this.#timer === null) return;
    this.#timer.cancel();
    this.#timer = null;
  }

  #sweep(): void {
    this.#timer = null;
    const nowMs = this.#clock.monotonicMs();
    const elapsed: IdleThread[] = [];
    for (const [thread, dueMs] of this.#due) {
      if (dueMs > nowMs) {
        this.#timer = this.#clock.setTimer(dueMs - nowMs, () => this.#sweep());
        break;
      }
      elapsed.push(thread);
      this.#due.delete(thread);
    }
    for (const thread of elapsed) thread.idleElapsed();
  }
}
