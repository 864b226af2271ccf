/**
 * Pages of turns and items as a pure function of the turns: cursors name turns, in Codex's own form, and
 * an anchor that is gone is refused.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { isSkeinError } from "../../src/base/index.ts";
import type { ThreadItem, Turn } from "../../src/events/index.ts";
import { pageItems, pageTurns } from "../../src/store/index.ts";

function turnOf(id: string, itemCount: number): Turn {
  const items = Array.from({ length: itemCount }, (_, n): ThreadItem => ({
    type: "agentMessage",
    id: `item-${n}`,
    text: `${id} ${n}`,
    phase: null,
    memoryCitation: null,
  }));
  return {
    id,
    items,
    itemsView: "full",
    status: "completed",
    error: null,
    startedAt: null,
    completedAt: null,
    durationMs: null,
  };
}

// Few ids, so that one id stands for several turns now and then, as it does in real logs.
const anyTurns = fc
  .array(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat(3)), { maxLength: 9 })
  .map((turns) => turns.map(([id, count], n) => ({ ...turnOf(id, count), startedAt: n })));
const anyOrder = fc.record({
  sortDirection: fc.constantFrom("asc" as const, "desc" as const),
  limit: fc.integer({ min: 1, max: 4 }),
});

describe("pages of turns", () => {
  it("joined are all turns, for any page size and direction, also where ids repeat", () => {
    fc.assert(
      fc.property(anyTurns, anyOrder, (turns, order) => {
        const seen: Turn[] = [];
        for (let cursor: string | null | undefined; cursor !== null;) {
          const page = pageTurns(turns, { ...order, itemsView: "full", ...(cursor === undefined ? {} : { cursor }) });
          seen.push(...page.data);
          cursor = page.nextCursor;
        }
        expect(seen).toEqual(order.sortDirection === "asc" ? turns : turns.toReversed());
      }),
    );
  });

  it("have cursors as Codex writes them: on from the last turn, back from the first one, included", () => {
    const turns = ["a", "b", "c"].map((id) => turnOf(id, 1));
    const page = pageTurns(turns, { limit: 2 });
    expect(page.data.map((turn) => turn.id)).toEqual(["c", "b"]);
    expect(JSON.parse(page.nextCursor ?? "")).toEqual({ turnId: "b", includeAnchor: false });
    expect(JSON.parse(page.backwardsCursor ?? "")).toEqual({ turnId: "c", includeAnchor: true });
    const back = pageTurns([...turns, turnOf("d", 0)], { cursor: page.backwardsCursor ?? "", sortDirection: "asc" });
    expect(back.data.map((turn) => turn.id)).toEqual(["c", "d"]);
  });

  it("refuse an anchor that is no longer there, and what is no cursor", () => {
    const { nextCursor } = pageTurns([turnOf("a", 1), turnOf("b", 1)], { limit: 1 });
    expect(codeOf(() => pageTurns([turnOf("a", 1)], { cursor: nextCursor ?? "" }))).toBe("invalid_cursor");
    for (const cursor of ["", "zzz", "[]", "{}", '{"turnId":7,"includeAnchor":true}', '{"turnId":"a"}']) {
      expect(codeOf(() => pageTurns([turnOf("a", 1)], { cursor }))).toBe("invalid_cursor");
    }
  });
});

describe("pages of items", () => {
  it("joined are all items in order, of all turns or of one", () => {
    fc.assert(
      fc.property(
        anyTurns,
        anyOrder,
        fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
        (turns, order, turnId) => {
          const wanted = turns.filter((turn) => turnId === undefined || turn.id === turnId);
          if (turnId !== undefined && wanted.length === 0) {
            expect(codeOf(() => pageItems(turns, { turnId }))).toBe("turn_not_found");
            return;
          }
          const seen: unknown[] = [];
          for (let cursor: string | null | undefined; cursor !== null;) {
            const page = pageItems(turns, {
              ...order,
              ...(turnId === undefined ? {} : { turnId }),
              ...(cursor === undefined ? {} : { cursor }),
            });
            seen.push(...page.data);
            cursor = page.nextCursor;
          }
          const all = wanted.flatMap((turn) => turn.items.map((item) => ({ turnId: turn.id, item })));
          expect(seen).toEqual(order.sortDirection === "asc" ? all : all.toReversed());
        },
      ),
    );
  });
});

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isSkeinError(error)) return error.code;
    throw error;
  }
  return "none";
}
