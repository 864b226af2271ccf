/**
 * Where some of a log's records begin: a sparse map of ordinals to byte offsets, so that a reader need
 * not count from the start. It holds a bounded number of places; past that it keeps every second one.
 */

/** A place in a log: the record with this ordinal begins at this byte. */
export interface LogPlace {
  readonly ordinal: number;
  readonly offset: number;
}

/** Places in a log, growing at its end. */
export interface OffsetIndex {
  /** Tells where a record begins; ordinals must not go back. Most are not kept. */
  note(ordinal: number, offset: number): void;
  /** The nearest known place at or in front of an ordinal. */
  floor(ordinal: number): LogPlace;
}

const PLACES_MAX = 1_024;
const FIRST_STRIDE = 256;

/** An index that knows only the start. */
export function createOffsetIndex(): OffsetIndex {
  let places: LogPlace[] = [{ ordinal: 0, offset: 0 }];
  let stride = FIRST_STRIDE;
  let nextKept = stride;
  return {
    note(ordinal, offset) {
      if (ordinal < nextKept) return;
      places.push({ ordinal, offset });
      if (places.length > PLACES_MAX) {
        places = places.filter((_, index) => index % 2 === 0);
        stride *= 2;
      }
      nextKept = ordinal + stride;
    },
    floor(ordinal) {
      let low = 0;
      let high = places.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((places[middle]?.ordinal ?? 0) <= ordinal) low = middle;
        else high = middle - 1;
      }
      return places[low] ?? { ordinal: 0, offset: 0 };
    },
  };
}
