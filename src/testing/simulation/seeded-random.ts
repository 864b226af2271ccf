/**
 * Randomness that follows from a seed: the same seed gives the same numbers on every machine, for ever.
 * Streams split off by name are independent of each other, so that drawing more in one place changes
 * nothing in another. It is sfc32 behind a hash of seed and name; not for secrets.
 */

/** Numbers drawn one after another. */
export interface SeededRandom {
  /** A number from 0 up to, not including, 1. */
  unit(): number;
  /** A whole number from 0 up to, not including, `end` (1 to 2^32). */
  below(end: number): number;
  /** True so often: 0 never, 1 always. */
  chance(probability: number): boolean;
  /** One of the values; throws where there are none. */
  pick<Value>(values: readonly Value[]): Value;
  /** Bytes, as an IdSource takes them. */
  bytes(count: number): Uint8Array;
  /** A stream of its own, which follows from this one's seed and the name, not from what was drawn. */
  split(name: string): SeededRandom;
}

/** Makes the stream of a seed. */
export function createSeededRandom(seed: number | string): SeededRandom {
  const source = String(seed);
  let [a, b, c, d] = [hashOf(`a ${source}`), hashOf(`b ${source}`), hashOf(`c ${source}`), 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  // The first numbers of neighbouring states are alike.
  for (let round = 0; round < 12; round += 1) next();
  const unit = (): number => next() / 2 ** 32;
  const below = (end: number): number => Math.floor(unit() * end);
  return {
    unit,
    below,
    chance: (probability) => unit() < probability,
    pick(values) {
      const value = values[below(values.length)];
      if (value === undefined) throw new RangeError("there is nothing to pick from");
      return value;
    },
    bytes: (count) => Uint8Array.from({ length: count }, () => below(256)),
    split: (name) => createSeededRandom(`${source}/${name}`),
  };
}

/** FNV-1a, and a last mixing of its bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) | 0;
}
