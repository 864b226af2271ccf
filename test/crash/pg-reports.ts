/**
 * What a node of the PostgreSQL crash test is told and what it says: a JSON object on its command line, and one a
 * line on its standard output. Each append is a batch with a name of its own and a digest of what is in it.
 */
import { createHash } from "node:crypto";

import type { AppendableItem } from "../../src/events/index.ts";

/** What a node works on. */
export interface NodeWish {
  readonly url: string;
  readonly schema: string;
  /** Names the node, in its lease and in its batches. */
  readonly node: string;
  readonly seed: number;
  readonly leaseTtlMs: number;
  /** Threads that it takes at once. */
  readonly own: readonly string[];
  /** Threads that it takes when their owner is gone. */
  readonly others: readonly string[];
}

/** One line of a node. */
export type NodeReport =
  /** Its store is open. */
  | { readonly say: "ready" }
  /** It has the right to append to this thread. */
  | { readonly say: "owns"; readonly threadId: string }
  /** Before it asks for an append. */
  | {
      readonly say: "begin";
      readonly threadId: string;
      readonly batch: string;
      readonly count: number;
      readonly digest: string;
    }
  /** The append was acknowledged. */
  | { readonly say: "done"; readonly batch: string; readonly firstOrdinal: number; readonly duplicate: boolean }
  /** Something was refused or failed; an append that failed is asked for again, under the same name. */
  | { readonly say: "failed"; readonly threadId: string; readonly code: string; readonly text: string };

/** One line of a follower. */
export type FollowerReport =
  /** It listens from now on. */
  | { readonly say: "ready" }
  /** The ordinal behind what it was told of, for each thread that it was told more of. */
  | { readonly say: "told"; readonly threads: readonly (readonly [string, number])[] }
  /** It was told out of order, twice, or with a gap. */
  | { readonly say: "wrong"; readonly text: string };

/** A digest of the texts of a batch's records. */
export function digestOf(messages: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(messages)).digest("hex").slice(0, 16);
}

/** The text of a record of a batch; undefined for another one. */
export function messageOf(item: AppendableItem | { readonly type: string }): string | undefined {
  if (item.type !== "event_msg" || !("payload" in item)) return undefined;
  const { message } = item.payload as { readonly message?: unknown };
  return typeof message === "string" && message.startsWith("batch-") ? message : undefined;
}
