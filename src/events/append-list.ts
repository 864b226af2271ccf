/**
 * A list that older states can keep while a newer one grows: appending is amortised O(1) and shares
 * the backing array; only an append to a list that is not the newest one copies it. A list never
 * shows what was appended after it.
 */

export interface AppendList<T> {
  /** Shared between versions; only the first `length` elements belong to this one. */
  readonly backing: T[];
  readonly length: number;
}

/** A list with nothing in it. Each call gives a backing of its own. */
export function emptyList<T>(): AppendList<T> {
  return { backing: [], length: 0 };
}

/** A list over a copy of the values. */
export function listOf<T>(values: readonly T[]): AppendList<T> {
  return { backing: [...values], length: values.length };
}

/** The list with one more value behind. */
export function listAppend<T>(list: AppendList<T>, value: T): AppendList<T> {
  // A first push would reserve room for 17: with six lists a thread that is what most of them weigh.
  if (list.length === 0) return { backing: [value], length: 1 };
  if (list.backing.length === list.length) {
    list.backing.push(value);
    return { backing: list.backing, length: list.length + 1 };
  }
  const backing = list.backing.slice(0, list.length);
  backing.push(value);
  return { backing, length: backing.length };
}

/** The value at an index from 0, or undefined outside. */
export function listAt<T>(list: AppendList<T>, index: number): T | undefined {
  return index >= 0 && index < list.length ? list.backing[index] : undefined;
}

/** The first `count` values, sharing the backing. */
export function listTake<T>(list: AppendList<T>, count: number): AppendList<T> {
  return count >= list.length ? list : { backing: list.backing, length: Math.max(0, count) };
}

/** The list with one value replaced; copies. */
export function listWith<T>(list: AppendList<T>, index: number, value: T): AppendList<T> {
  const backing = list.backing.slice(0, list.length);
  backing[index] = value;
  return { backing, length: list.length };
}

/** The values as an array of their own. */
export function listValues<T>(list: AppendList<T>): T[] {
  return list.backing.slice(0, list.length);
}

/** Index of the first value that fits, or -1. */
export function listFind<T>(list: AppendList<T>, fits: (value: T) => boolean): number {
  for (let index = 0; index < list.length; index += 1) {
    const value = list.backing[index];
    if (value !== undefined && fits(value)) return index;
  }
  return -1;
}

/** Index of the last value that fits, or -1. */
export function listFindLast<T>(list: AppendList<T>, fits: (value: T) => boolean): number {
  for (let index = list.length - 1; index >= 0; index -= 1) {
    const value = list.backing[index];
    if (value !== undefined && fits(value)) return index;
  }
  return -1;
}
