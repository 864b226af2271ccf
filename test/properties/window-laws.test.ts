/**
 * Laws of beginning at a window: a conversation that read the end of a log is the one that read all of it,
 * but for the items of old turns; or it says that it needs the whole log. Over logs full of compactions,
 * rollbacks and late records, with the window as it was at any earlier end of the log.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import {
  contextItems,
  type Conversation,
  conversationAt,
  emptyConversation,
  needsWholeLog,
  recordedSettings,
  stepConversation,
} from "../../src/actors/conversation.ts";
import { outlineOf, type RolloutRecord, turnEntriesOf } from "../../src/events/index.ts";
import { type ThreadWindow, windowOf } from "../../src/store/index.ts";
import { arbCompactedLog } from "../../src/testing/arbitraries/index.ts";
import { recordsOf } from "../events/log-reading.ts";

function steppedBy(from: Conversation, records: readonly RolloutRecord[]): Conversation {
  return records.reduce((at, record) => stepConversation(at, record), from);
}

/** All that is asked of a conversation, the turns before `from` as outlines. */
function viewOf(conversation: Conversation, from: number): unknown {
  const { nextOrdinal, turns, usage, metadata, turnContext } = conversation;
  return {
    nextOrdinal,
    context: contextItems(conversation),
    turns: turnEntriesOf(turns, { live: true }).map((entry) =>
      entry.startOrdinal < from ? { hiddenItems: 0, ...outlineOf(entry) } : entry,
    ),
    nextItem: turns.nextItem,
    usage: { usage: usage.usage, turnId: usage.turnId, turnPosition: usage.turnPosition },
    metadata,
    turnContext,
    settings: recordedSettings(conversation, "agent"),
  };
}

interface Cut {
  readonly records: readonly RolloutRecord[];
  readonly window: ThreadWindow;
}

/** A log, and the window it had when it ended at some record. */
const arbCut: fc.Arbitrary<Cut> = fc
  .tuple(arbCompactedLog(), fc.double({ min: 0.3, max: 1, noNaN: true }))
  .map(([items, part]) => {
    const records = recordsOf(items);
    return { records, window: windowOf(records.slice(0, Math.ceil(records.length * part))) };
  })
  .filter((cut): cut is Cut => cut.window !== null);

/** Checks every end of the log behind the window's; gives how many of them the window was enough for. */
function compareEnds({ records, window }: Cut): { readonly enough: number; readonly all: number } {
  const from = window.place.nextOrdinal;
  let whole = steppedBy(emptyConversation(), records.slice(0, window.endOrdinal));
  let windowed = steppedBy(conversationAt(window), records.slice(from, window.endOrdinal));
  let enough = 0;
  const rest = records.slice(window.endOrdinal);
  for (const record of [...rest, null]) {
    if (!needsWholeLog(windowed)) {
      enough += 1;
      expect(viewOf(windowed, from)).toEqual(viewOf(whole, from));
    }
    if (record === null) break;
    whole = stepConversation(whole, record);
    windowed = stepConversation(windowed, record);
  }
  return { enough, all: rest.length + 1 };
}

describe("a conversation that begins at a window", () => {
  it("law: is the one that read the whole log, at every end of it, or says that it needs that", () => {
    const seen = { enough: 0, all: 0 };
    fc.assert(
      fc.property(arbCut, (cut) => {
        const { enough, all } = compareEnds(cut);
        seen.enough += enough;
        seen.all += all;
      }),
      { numRuns: 400 },
    );
    // Else the law would hold of one that always gives up.
    expect(seen.enough / seen.all).toBeGreaterThan(0.5);
  });

  it("law: is so where the peer's index at the window was only counted by the heads of lines", () => {
    fc.assert(
      fc.property(arbCut, ({ records, window }) => {
        const place = { ...window.place, isUnverified: true, nextIndex: window.place.nextIndex + 7 };
        compareEnds({ records, window: { ...window, place } });
      }),
      { numRuns: 200 },
    );
  });

  it("law: has read nothing before the turn of the newest compaction that stands and recorded what it leaves", () => {
    fc.assert(
      fc.property(arbCut, ({ records, window }) => {
        const { place, endOrdinal } = window;
        const upTo = records.slice(0, endOrdinal);
        const standing = turnEntriesOf(steppedBy(emptyConversation(), upTo).turns, { live: true });
        const at = standing.findIndex(({ startOrdinal }) => startOrdinal === place.nextOrdinal);
        expect(at).toBe(place.entries.length);
        const later = standing.slice(at + 1);
        const isWhole = ({ item }: RolloutRecord): boolean =>
          item.type === "compacted" && Array.isArray(item.payload.replacement_history);
        const wholeIn = ({ startOrdinal, endOrdinal: end }: (typeof standing)[number]): boolean =>
          records.slice(startOrdinal, end).some(isWhole);
        expect(standing.slice(at, at + 1).some(wholeIn)).toBe(true);
        expect(later.some(wholeIn)).toBe(false);
      }),
    );
  });
});
