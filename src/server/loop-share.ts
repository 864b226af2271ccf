/**
 * One client's share of a turn of the event loop. Requests that come in one piece, and need no disk, would all be
 * handled before anybody else is heard: three hundred reads of a long thread hold a server for ten seconds. Once a
 * client's requests have taken their time, each of those that follow gets a turn of its own, in the order they came.
 */
import { type Clock, nextLoopTurn } from "../base/index.ts";

/** Milliseconds of a turn: some hundred small requests, and less than anybody notices. */
const SHARE_MS = 20;

export class LoopShare {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** When the first request of this turn began; null where none has. */
  #sinceMs: number | null = null;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Undefined where a request may begin now; else when it may. */
  turn(): Promise<void> | undefined {
    if (this.#waiting > 0) return this.#wait();
    if (this.#sinceMs === null) {
      this.#sinceMs = this.#clock.monotonicMs();
      setImmediate(() => {
        this.#sinceMs = null;
      });
      return undefined;
    }
    return this.#clock.monotonicMs() - this.#sinceMs < SHARE_MS ? undefined : this.#wait();
  }

  async #wait(): Promise<void> {
    this.#waiting += 1;
    this.#tail = this.#tail.then(nextLoopTurn);
    await this.#tail;
    this.#waiting -= 1;
  }
}
