/**
 * Pages as the protocol asks for them, in the store's words: null is absent, and a size is brought between 1 and 100
 * instead of being refused, as in the peer.
 */
import type { SortDirection } from "../store/index.ts";
import { isGiven } from "./turn-params.ts";

/** Entries of a page: the peer's own bounds. */
const PAGE_DEFAULT = 25;
const PAGE_MAX = 100;

/** The protocol's members of a page. */
interface PageMembers {
  readonly cursor?: string | null | undefined;
  readonly limit?: number | null | undefined;
  readonly sortDirection?: SortDirection | null | undefined;
}

/** The store's. */
export interface StorePage {
  readonly cursor?: string;
  readonly limit: number;
  readonly sortDirection?: SortDirection;
}

export function pageParams({ cursor, limit, sortDirection }: PageMembers): StorePage {
  return {
    limit: Math.min(Math.max(limit ?? PAGE_DEFAULT, 1), PAGE_MAX),
    ...(isGiven(cursor) ? { cursor } : {}),
    ...(isGiven(sortDirection) ? { sortDirection } : {}),
  };
}
