/**
 * Where generated rollouts take their sizes and texts from: a seed and nothing else, so that every run
 * makes the same bytes. `createSeededSource` makes each text word by word. `createPooledSource` cuts its
 * texts out of a pool made once by `createTextPool`: gigabytes in seconds, of a vocabulary wide enough
 * that an index over the words has something to do.
 */

/** Where sizes and texts come from. */
export interface SeededSource {
  /** 0 up to 1. */
  random(): number;
  /** Words of about this many characters. */
  text(chars: number): string;
  /** Between two sizes, small ones more often. */
  size(low: number, high: number): number;
}

const WORDS = "the a turn reads file writes test fails passes src/index.ts line error: fix value return".split(" ");

/** Texts of fifteen words, made as they are asked for. */
export function createSeededSource(seed: number): SeededSource {
  const random = createRandom(seed);
  const text = (chars: number): string => {
    const words: string[] = [];
    for (let left = chars; left > 0; left -= (words.at(-1) ?? "").length + 1) {
      words.push(WORDS[Math.floor(random() * WORDS.length)] ?? "");
    }
    return words.join(random() < 0.2 ? "\n" : " ");
  };
  return { random, text, size: sizes(random) };
}

/** Texts cut out of a pool; the pool is longer than any text asked for. */
export function createPooledSource(seed: number, pool: string): SeededSource {
  const random = createRandom(seed);
  const text = (chars: number): string => {
    const begin = Math.floor(random() * (pool.length - chars));
    return pool.slice(begin, begin + chars);
  };
  return { random, text, size: sizes(random) };
}

const POOL_CHARS = 2_000_000;
const VOCABULARY = 6_000;
const SYLLABLES =
  "ba re ko mi sto ten lu fa gri pel no ver da shi quo tra en or is ul com pro ver ti on al ex in ma ze".split(" ");
const MARKS = ["() ", ": ", ", ", ".\n", ";\n  ", " = ", "/", "_", ".ts ", "\n\n"];

/** Text of made-up words, common ones common, between words of code's marks. */
export function createTextPool(seed: number): string {
  const random = createRandom(seed);
  const pick = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? "";
  const vocabulary = Array.from({ length: VOCABULARY }, () => {
    const syllables = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(SYLLABLES));
    return syllables.join("");
  });
  const parts: string[] = [];
  for (let chars = 0; chars < POOL_CHARS;) {
    // Cubed: the first words of the vocabulary come up far more often than the last.
    const word = vocabulary[Math.floor(random() ** 3 * VOCABULARY)] ?? "";
    const mark = random() < 0.2 ? pick(MARKS) : " ";
    parts.push(word, mark);
    chars += word.length + mark.length;
  }
  return parts.join("");
}

function sizes(random: () => number): (low: number, high: number) => number {
  return (low, high) => Math.round(low * (high / low) ** random());
}

/** mulberry32: small, seeded, good enough to vary sizes. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
