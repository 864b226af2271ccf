/**
 * A subscriber of a simulation: reads a thread's feed at its own pace, and holds it to its promise: each record
 * once, in order, without a gap, and none that isn't there later.
 */
import type { ThreadFeed } from "../../src/runtime/index.ts";
import { BrokenInvariant, canonicalLine } from "./acknowledgements.ts";

/** A record that a feed told. */
export interface ToldRecord {
  readonly threadId: string;
  readonly ordinal: number;
  readonly line: string;
}

/** How a feed is read. */
export interface Follower {
  readonly feed: ThreadFeed;
  readonly threadId: string;
  /** The first ordinal wanted; null: from the end on. */
  readonly from: number | null;
  /** Waits between two events, as a slow reader does. */
  pause(): Promise<void>;
  told(record: ToldRecord): void;
}

/** Reads until the feed ends; rejects with its error, or with what does not hold. Answers how much was told. */
export async function followFeed({ feed, threadId, from, pause, told }: Follower): Promise<string> {
  let next = from;
  let count = 0;
  for await (const event of feed) {
    if (event.type === "record") {
      const { ordinal, item } = event.record;
      if (next !== null && ordinal !== next) {
        const what = ordinal > next ? "left a gap" : "told twice";
        throw new BrokenInvariant("sim.feeds", `${what}: record ${ordinal} of ${threadId} came where ${next} was due`);
      }
      next = ordinal + 1;
      count += 1;
      told({ threadId, ordinal, line: canonicalLine(item) });
    }
    await pause();
  }
  return `${count} records`;
}
