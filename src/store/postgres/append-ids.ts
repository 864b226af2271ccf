/**
 * Ids of puts: the handle's own eight bytes of randomness, then a count, as a UUID. So a put that is made again after a
 * lost connection is known by its lines, and a handle knows its own lines in the feed.
 */
import { systemRandom } from "../../base/index.ts";

/** Makes the ids of one handle's puts. */
export interface AppendIds {
  next(): string;
  isOwn(appendId: string): boolean;
}

const TAG_BYTES = 8;

/** Makes a source of them. */
export function createAppendIds(): AppendIds {
  const tag = Buffer.from(systemRandom(TAG_BYTES)).toString("hex");
  const own = `${tag.slice(0, 8)}-${tag.slice(8, 12)}-${tag.slice(12, 16)}-`;
  let count = 0;
  return {
    next() {
      count += 1;
      const hex = count.toString(16).padStart(16, "0");
      return `${own}${hex.slice(0, 4)}-${hex.slice(4)}`;
    },
    isOwn: (appendId) => appendId.startsWith(own),
  };
}
