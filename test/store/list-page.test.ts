/**
 * Pages of thread lists as a pure function of rows: the order is total, cursors are positions, and a walk
 * by time of change sees the keys as they were when it began.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isSkeinError } from "../../src/base/index.ts";
import {
  descendantsOf,
  isListed,
  type ListThreadsParams,
  listAsOfMs,
  pageThreads,
  type SortKey,
  sourceWord,
  type ThreadRow,
} from "../../src/store/index.ts";

const anyRow: fc.Arbitrary<ThreadRow> = fc.record({
  id: fc.integer({ min: 0, max: 99 }).map((n) => `id-${String(n).padStart(2, "0")}`),
  archived: fc.constant(false),
  name: fc.option(fc.constantFrom("alpha", "Beta")),
  preview: fc.constantFrom("", "gamma", "ALPHA too"),
  cwd: fc.constantFrom("/a", "/b"),
  modelProvider: fc.constantFrom("x", "y"),
  source: fc.constantFrom("cli", "vscode", { subagent: "review" }),
  createdAtMs: fc.integer({ min: 0, max: 4 }),
  updatedAtMs: fc.integer({ min: 0, max: 4 }),
  recencyAtMs: fc.integer({ min: 0, max: 4 }),
  parentThreadId: fc.constant(null),
});
const anyRows = fc.uniqueArray(anyRow, { selector: (row) => row.id, maxLength: 14 });
const anyOrder = fc.record({
  sortKey: fc.constantFrom("created_at" as const, "updated_at" as const, "recency_at" as const),
  sortDirection: fc.constantFrom("asc" as const, "desc" as const),
  limit: fc.integer({ min: 1, max: 5 }),
});

function sorted(rows: readonly ThreadRow[], { sortKey, sortDirection }: ListThreadsParams): string[] {
  const sign = sortDirection === "asc" ? 1 : -1;
  const key = (row: ThreadRow): number => keys(row)[sortKey ?? "created_at"];
  return rows.toSorted((a, b) => sign * (key(a) - key(b) || (a.id < b.id ? -1 : 1))).map((row) => row.id);
}

function keys({ createdAtMs, updatedAtMs, recencyAtMs }: ThreadRow): Record<SortKey, number> {
  return { created_at: createdAtMs, updated_at: updatedAtMs, recency_at: recencyAtMs };
}

function walk(rows: readonly ThreadRow[], params: ListThreadsParams): { ids: string[]; lastBack: string | null } {
  const ids: string[] = [];
  let lastBack: string | null = null;
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = pageThreads(rows, { ...params, ...(cursor === undefined ? {} : { cursor }) }, null);
    ids.push(...page.data.map((row) => row.id));
    lastBack = page.backwardsCursor ?? lastBack;
    cursor = page.nextCursor;
  }
  return { ids, lastBack };
}

describe("pages of threads", () => {
  it("joined are all rows in order, for any page size, key and direction", () => {
    fc.assert(
      fc.property(anyRows, anyOrder, (rows, order) => {
        expect(walk(rows, order).ids).toEqual(sorted(rows, order));
      }),
    );
  });

  it("walked back from the last page's first row are everything in front of it", () => {
    fc.assert(
      fc.property(anyRows, anyOrder, (rows, order) => {
        const { ids, lastBack } = walk(rows, order);
        if (lastBack === null) return;
        const first = pageThreads(rows, order, null).data.length;
        const lastPage = ids.length % order.limit === 0 ? order.limit : ids.length % order.limit;
        const back = walk(rows, { ...order, sortDirection: order.sortDirection === "asc" ? "desc" : "asc" });
        const opposite = {
          ...order,
          cursor: lastBack,
          sortDirection: order.sortDirection === "asc" ? ("desc" as const) : ("asc" as const),
        };
        expect(walk(rows, opposite).ids).toEqual(back.ids.slice(lastPage));
        expect(first).toBeLessThanOrEqual(order.limit);
      }),
    );
  });

  it("are not changed by rows that go, and rows that stay are never doubled or lost", () => {
    fc.assert(
      fc.property(anyRows, anyOrder, fc.array(fc.nat(13)), (rows, order, gone) => {
        const first = pageThreads(rows, order, null);
        const left = rows.filter((_, index) => !gone.includes(index));
        const rest = first.nextCursor === null ? [] : walk(left, { ...order, cursor: first.nextCursor }).ids;
        const seen = [...first.data.map((row) => row.id), ...rest];
        expect(new Set(seen).size).toBe(seen.length);
        for (const row of left) expect(seen).toContain(row.id);
      }),
    );
  });

  it.each(["updated_at", "recency_at"] as const)(
    "by %s freeze at the walk's beginning, which its cursors remember; a walk back begins anew",
    (sortKey) => {
      const rows = [1, 2, 3].map((n) => row(n));
      const freeze = (): number => 7;
      expect(listAsOfMs({ sortKey }, freeze)).toBe(7);
      const { nextCursor, backwardsCursor } = pageThreads(rows, { sortKey, limit: 1 }, 5);
      expect(listAsOfMs({ sortKey, cursor: nextCursor ?? "" }, freeze), "the newest row is older").toBe(3);
      const second = pageThreads(rows, { sortKey, limit: 1, cursor: nextCursor ?? "" }, 3);
      expect(listAsOfMs({ sortKey, cursor: second.nextCursor ?? "" }, freeze)).toBe(3);
      expect(listAsOfMs({ sortKey, cursor: backwardsCursor ?? "" }, freeze)).toBe(7);
    },
  );

  it("by time of creation freeze nothing", () => {
    const byCreation = pageThreads([row(1), row(2)], { limit: 1 }, null).nextCursor ?? "";
    expect(listAsOfMs({ cursor: byCreation }, () => 7)).toBe(null);
  });

  it("refuse cursors that are none of theirs", () => {
    const ours = pageThreads([row(1), row(2)], { limit: 1 }, null).nextCursor ?? "";
    for (const params of [
      { cursor: "zzz" },
      { cursor: Buffer.from("[]").toString("base64url") },
      { cursor: Buffer.from('{"k":"created_at","t":"1","id":"x"}').toString("base64url") },
      { cursor: ours, sortKey: "updated_at" as const },
    ]) {
      expect(codeOf(() => pageThreads([row(1)], params, null))).toBe("invalid_cursor");
    }
  });
});

describe("filters", () => {
  it("let through what has the right provider, folder, source, archive and text", () => {
    const one = { ...row(1), name: "My Näme", preview: "First Words", source: { subagent: { other: "x" } } };
    const listed = (params: ListThreadsParams): boolean => isListed(one, params);
    expect([listed({}), listed({ archived: true })]).toEqual([true, false]);
    expect([listed({ modelProviders: ["p"] }), listed({ modelProviders: [] })]).toEqual([true, false]);
    expect([listed({ cwds: ["/"] }), listed({ cwds: ["/w"] }), listed({ cwds: [] })]).toEqual([false, true, false]);
    expect([listed({ sources: ["subagent"] }), listed({ sources: ["cli"] })]).toEqual([true, false]);
    expect(["näme", "WORDS", "", "other"].map((searchTerm) => listed({ searchTerm }))).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it("let through what a thread spawned, and by ancestor what is below it at any depth, but not itself in a circle", () => {
    const parents: Readonly<Record<string, string | null>> = { a: "c", b: "a", c: "b", d: "c", e: null, f: "gone" };
    const rows = Object.entries(parents).map(([id, parentThreadId]) => ({ ...row(1), id, parentThreadId }));
    expect(rows.filter((one) => isListed(one, { parentThreadId: "c" })).map(({ id }) => id)).toEqual(["a", "d"]);
    const below = (ancestorThreadId: string): string[] =>
      [...descendantsOf(rows, { ancestorThreadId })].map(({ id }) => id).toSorted();
    expect([below("a"), below("c"), below("d"), below("gone")]).toEqual([["b", "c", "d"], ["a", "b", "d"], [], ["f"]]);
    expect(descendantsOf(rows, {})).toBe(rows);
  });

  it("know a source by its word", () => {
    expect([sourceWord("cli"), sourceWord({ custom: "x" }), sourceWord({})]).toEqual(["cli", "custom", "unknown"]);
  });
});

function row(n: number): ThreadRow {
  return {
    id: `id-${n}`,
    archived: false,
    name: null,
    preview: "",
    cwd: "/w",
    modelProvider: "p",
    source: "cli",
    createdAtMs: n,
    updatedAtMs: n,
    recencyAtMs: n,
    parentThreadId: null,
  };
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isSkeinError(error)) return error.code;
    throw error;
  }
  return "none";
}
