/**
 * A first-in, first-out queue that never holds more than its bound. What happens at the bound is the
 * owner's choice: a push is refused, or the oldest makes room. Nobody waits in here; who wants to wait
 * has a wakeup of their own (wakeup.ts).
 */
import { assert } from "../base/index.ts";

/** A queue with a bound. */
export interface BoundedQueue<Item> {
  /** Items held now. */
  readonly size: number;
  /** The most items that were ever held. */
  readonly peakSize: number;
  /** Adds at the end; false, and nothing is added, when the queue is full. */
  push(item: Item): boolean;
  /** Adds at the end; when the queue is full the oldest leaves, and true says so. */
  pushDroppingOldest(item: Item): boolean;
  /** The oldest, left where it is; undefined when there is none. */
  peek(): Item | undefined;
  /** Takes the oldest; undefined when there is none. */
  shift(): Item | undefined;
  clear(): void;
  [Symbol.iterator](): IterableIterator<Item>;
}

/** Places at the front that are left empty before the rest moves up. */
const GAP_MAX = 256;

/** Makes an empty queue that holds `sizeMax` items, at least 1. */
export function createBoundedQueue<Item>(sizeMax: number): BoundedQueue<Item> {
  assert(Number.isSafeInteger(sizeMax) && sizeMax >= 1, "a queue holds at least one item");
  // Grows with what is held: most subscribers hold next to nothing.
  let items: (Item | undefined)[] = [];
  let front = 0;
  let peakSize = 0;

  const size = (): number => items.length - front;
  const shift = (): Item | undefined => {
    if (size() === 0) return undefined;
    const item = items[front];
    items[front] = undefined;
    front += 1;
    if (front === items.length || front >= GAP_MAX) {
      items = items.slice(front);
      front = 0;
    }
    return item;
  };
  const push = (item: Item): boolean => {
    if (size() >= sizeMax) return false;
    items.push(item);
    peakSize = Math.max(peakSize, size());
    return true;
  };

  return {
    get size() {
      return size();
    },
    get peakSize() {
      return peakSize;
    },
    push,
    pushDroppingOldest(item) {
      const isFull = size() >= sizeMax;
      if (isFull) shift();
      push(item);
      return isFull;
    },
    peek: () => items[front],
    shift,
    clear() {
      items = [];
      front = 0;
    },
    *[Symbol.iterator]() {
      yield* items.slice(front) as Item[];
    },
  };
}
