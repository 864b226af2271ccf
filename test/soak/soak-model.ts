/**
 * What a soak expects of its home: every thread with the turns that were acknowledged and not taken back, its name,
 * and where it is. A thread is used by one lane at a time, which claims it here; so what is expected is exact.
 * Threads that were deleted are forgotten, all but the newest, which must not come back.
 */

/** How a turn must read back. */
export interface ExpectedTurn {
  readonly id: string;
  readonly status: "completed" | "interrupted" | "failed";
  /** What the user said in it, oldest first; null where that is not looked at (reviews, compactions). */
  readonly texts: readonly string[] | null;
}

/** A thread as it must be. */
export interface ExpectedThread {
  readonly id: string;
  readonly turns: ExpectedTurn[];
  name: string | null;
  archived: boolean;
  /** Turns its log holds, taken back or not: a thread grows old by them. */
  turnsEver: number;
  /** How often it was archived and brought back. */
  moves: number;
  isClaimed: boolean;
}

const DELETED_KEPT = 1_000;
const TRIES = 30;

/** The books of one home. */
export class SoakModel {
  readonly #threads = new Map<string, ExpectedThread>();
  readonly #ids: string[] = [];
  readonly #deleted: string[] = [];
  #lastNumber = 0;

  get size(): number {
    return this.#ids.length;
  }

  get threads(): readonly ExpectedThread[] {
    return [...this.#threads.values()];
  }

  /** The newest threads that were deleted. */
  get deleted(): readonly string[] {
    return this.#deleted;
  }

  /** A number that was not given before. */
  nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  /** Claims a thread that nobody uses and that fits; undefined where none was met. */
  claim(random: () => number, fits: (thread: ExpectedThread) => boolean): ExpectedThread | undefined {
    for (let n = 0; n < TRIES; n += 1) {
      const thread = this.#threads.get(this.#ids[Math.floor(random() * this.#ids.length)] ?? "");
      if (thread === undefined || thread.isClaimed || !fits(thread)) continue;
      thread.isClaimed = true;
      return thread;
    }
    return undefined;
  }

  /** Takes in a thread that is stored now; claimed by who made it. */
  add(id: string, turns: readonly ExpectedTurn[] = []): ExpectedThread {
    const begun = { name: null, archived: false, turnsEver: turns.length, moves: 0, isClaimed: true };
    const thread: ExpectedThread = { ...begun, id, turns: [...turns] };
    this.#threads.set(id, thread);
    this.#ids.push(id);
    return thread;
  }

  /** The thread, if it is still expected. */
  get(id: string): ExpectedThread | undefined {
    return this.#threads.get(id);
  }

  remove({ id }: ExpectedThread): void {
    this.#threads.delete(id);
    this.#ids.splice(this.#ids.indexOf(id), 1);
    this.#deleted.push(id);
    if (this.#deleted.length > DELETED_KEPT) this.#deleted.shift();
  }
}
