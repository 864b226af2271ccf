/**
 * Which threads descend from one: the chain of `parentThreadId`, at any depth. It takes every row of a store to
 * tell, whatever the other filters say: a chain goes through archived threads, and ends at one that is gone.
 * (list.lineage)
 */
import type { ThreadRow } from "./list-page.ts";
import type { ListThreadsParams } from "./thread-store.ts";

/** Of all rows of a store, the ones that `ancestorThreadId` lets through; all where it is absent. */
export function descendantsOf<Row extends Pick<ThreadRow, "id" | "parentThreadId">>(
  rows: Iterable<Row>,
  { ancestorThreadId }: ListThreadsParams,
): Iterable<Row> {
  if (ancestorThreadId === undefined) return rows;
  const childrenOf = new Map<string, Row[]>();
  for (const row of rows) {
    if (row.parentThreadId === null) continue;
    const siblings = childrenOf.get(row.parentThreadId);
    if (siblings === undefined) childrenOf.set(row.parentThreadId, [row]);
    else siblings.push(row);
  }
  // A map, as what files say may go in a circle; the thread itself is not below itself even then.
  const found = new Map<string, Row>();
  const above = [ancestorThreadId];
  for (let id = above.pop(); id !== undefined; id = above.pop()) {
    for (const child of childrenOf.get(id) ?? []) {
      if (child.id === ancestorThreadId || found.has(child.id)) continue;
      found.set(child.id, child);
      above.push(child.id);
    }
  }
  return found.values();
}
