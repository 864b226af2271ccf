/**
 * The order of calls about one checkpoint, and what becomes of many saves at once: while one is being written, those
 * that come meanwhile are joined in the next, which writes the highest position. So a consumer that acknowledges a
 * thousand times a second costs as many writes as the disk takes one after another, and each save is answered by a
 * write that began after it was asked for.
 */
import type { CheckpointKey } from "./checkpoint-store.ts";

interface WaitingSave {
  nextOrdinal: number;
  readonly done: Promise<void>;
}

interface Lane {
  /** Settles with the last call; never rejects. */
  tail: Promise<void>;
  /** Not begun yet: later saves join it, until another call stands behind it. */
  waiting: WaitingSave | null;
}

export class CheckpointLanes {
  readonly #lanes = new Map<string, Lane>();

  /** Checkpoints that something is under way for. */
  get size(): number {
    return this.#lanes.size;
  }

  /** Runs behind all earlier calls about this checkpoint, and before all later ones. */
  run<Value>(key: CheckpointKey, work: () => Promise<Value>): Promise<Value> {
    const lane = this.#laneOf(key);
    lane.waiting = null;
    return this.#append(key, lane, work);
  }

  /** Resolves when `write` has written this position or a higher one. */
  save(key: CheckpointKey, nextOrdinal: number, write: (nextOrdinal: number) => Promise<void>): Promise<void> {
    const lane = this.#laneOf(key);
    if (lane.waiting !== null) {
      lane.waiting.nextOrdinal = Math.max(lane.waiting.nextOrdinal, nextOrdinal);
      return lane.waiting.done;
    }
    const begin = (): Promise<void> => {
      if (lane.waiting === save) lane.waiting = null;
      return write(save.nextOrdinal);
    };
    const save: WaitingSave = { nextOrdinal, done: this.#append(key, lane, begin) };
    lane.waiting = save;
    return save.done;
  }

  #laneOf({ name, threadId }: CheckpointKey): Lane {
    const text = laneText(name, threadId);
    const lane = this.#lanes.get(text) ?? { tail: Promise.resolve(), waiting: null };
    this.#lanes.set(text, lane);
    return lane;
  }

  #append<Value>({ name, threadId }: CheckpointKey, lane: Lane, work: () => Promise<Value>): Promise<Value> {
    const done = lane.tail.then(work);
    const settled = (): void => {
      if (lane.tail === tail) this.#lanes.delete(laneText(name, threadId));
    };
    const tail = done.then(settled, settled);
    lane.tail = tail;
    return done;
  }
}

function laneText(name: string, threadId: string): string {
  return `${threadId}/${name}`;
}
