/**
 * Two lists of keys side by side: the longest run of pairs in the order of both, then what is left over with
 * the same key as pairs that were moved, then what only one of them has. Quadratic: for stretches of some
 * hundred messages.
 */

/** A pair of places, one of them null where the other list has nothing for it. */
export interface AlignedPair {
  readonly ours: number | null;
  readonly theirs: number | null;
  /** Both have it, at places that don't fit the order of the others. */
  readonly isMoved: boolean;
}

/** Pairs every element of both lists, in the order of theirs; what only ours has stands at the end. */
export function alignSequences(ours: readonly string[], theirs: readonly string[]): readonly AlignedPair[] {
  const pairs = new Map(longestCommonPairs(ours, theirs));
  const free = new Set(ours.keys());
  for (const place of pairs.values()) free.delete(place);
  const aligned: AlignedPair[] = [];
  for (const [theirPlace, key] of theirs.entries()) {
    const paired = pairs.get(theirPlace);
    if (paired !== undefined) {
      aligned.push({ ours: paired, theirs: theirPlace, isMoved: false });
      continue;
    }
    const moved = [...free].find((place) => ours[place] === key);
    if (moved !== undefined) free.delete(moved);
    aligned.push({ ours: moved ?? null, theirs: theirPlace, isMoved: moved !== undefined });
  }
  return [...aligned, ...[...free].map((place) => ({ ours: place, theirs: null, isMoved: false }))];
}

function longestCommonPairs(ours: readonly string[], theirs: readonly string[]): (readonly [number, number])[] {
  const width = theirs.length + 1;
  const lengths = new Uint32Array((ours.length + 1) * width);
  const lengthAt = (our: number, their: number): number => lengths[our * width + their] ?? 0;
  for (let our = ours.length - 1; our >= 0; our -= 1) {
    for (let their = theirs.length - 1; their >= 0; their -= 1) {
      lengths[our * width + their] =
        ours[our] === theirs[their]
          ? lengthAt(our + 1, their + 1) + 1
          : Math.max(lengthAt(our + 1, their), lengthAt(our, their + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  let our = 0;
  let their = 0;
  while (our < ours.length && their < theirs.length) {
    if (ours[our] === theirs[their]) {
      pairs.push([their, our]);
      our += 1;
      their += 1;
    } else if (lengthAt(our + 1, their) >= lengthAt(our, their + 1)) our += 1;
    else their += 1;
  }
  return pairs;
}
