/**
 * Bugs of lists by files: order, cursors, the moment a walk sees its keys as of, filters, and facts that are
 * remembered for too long.
 */
import type { SourceMutant } from "./source-mutant.ts";

const PAGE = "src/store/list-page.ts";
const LIST = "src/store/local/thread-list.ts";
const FACTS = "src/store/local/rollout-facts.ts";
const TURNS = "src/store/turn-page.ts";

/** The bugs. */
export const listMutants: readonly SourceMutant[] = [
  {
    name: "a cursor skips threads with the time it stands at",
    file: PAGE,
    from: "  if (row.id === position.id) return false;\n",
    to: "  if (byKey === 0) return false;\n",
    fixture: "local",
    caughtBy: ["list.complete"],
  },
  {
    name: "threads of one time are in no order",
    file: PAGE,
    from: "return a.id < b.id ? -sign : sign;",
    to: "return 0;",
    fixture: "local",
    caughtBy: ["list.complete"],
  },
  {
    name: "the last thread of a list falls off a full page",
    file: PAGE,
    from: "nextCursor: behind.length > data.length ?",
    to: "nextCursor: behind.length > data.length + 1 ?",
    fixture: "local",
    caughtBy: ["list.complete"],
  },
  {
    name: "each page of a walk sees its own moment",
    file: PAGE,
    from: "at(last, position?.asOfMs ?? heldMs)",
    to: "at(last, heldMs === null ? null : newestMs)",
    fixture: "local",
    caughtBy: ["list.under-writes"],
  },
  {
    name: "a list of archived threads has the live ones too",
    file: PAGE,
    from: "if (row.archived !== (params.archived ?? false)) return false;",
    to: "if (row.archived && params.archived !== true) return false;",
    fixture: "local",
    caughtBy: ["archive.moves"],
  },
  {
    name: "a filter for folders lets everything through",
    file: PAGE,
    from: "if (params.cwds?.includes(row.cwd) === false) return false;",
    to: "",
    fixture: "local",
    caughtBy: ["list.filters"],
  },
  {
    name: "a search term looks at previews with their case",
    file: PAGE,
    from: "return row.preview.toLowerCase().includes(term) ||",
    to: "return row.preview.includes(term) ||",
    fixture: "local",
    caughtBy: ["list.filters"],
  },
  {
    name: "what was written since a walk began moves threads in it",
    file: LIST,
    from: "if (row.updatedAtMs <= asOfMs) return row;",
    to: "if (row.updatedAtMs >= 0) return row;",
    fixture: "local",
    caughtBy: ["list.under-writes"],
  },
  {
    name: "a moment that a walk froze is stamped on later records too",
    file: "src/store/line-clock.ts",
    from: "floorMs = frozenMs + 1;",
    to: "floorMs = frozenMs;",
    fixture: "local",
    caughtBy: ["list.recency"],
  },
  {
    name: "what was read of a rollout once is not read again",
    file: FACTS,
    from: "const isSame = facts?.size === stat.size && facts.modifiedNs === stat.modifiedNs &&",
    to: "const isSame = facts !== undefined &&",
    fixture: "local",
    caughtBy: ["list.recency"],
  },
  {
    name: "recency follows every record, not the turns",
    file: FACTS,
    from: "{ asOfMs, isOfTurns: true }",
    to: "{ asOfMs }",
    fixture: "local",
    caughtBy: ["list.recency"],
  },
  {
    name: "the newest turn counts as recency, whatever the moment",
    file: FACTS,
    from: "if (facts.recencyMs === null || facts.recencyMs <= asOfMs) return",
    to: "if (facts.recencyMs === null || facts.recencyMs >= 0) return",
    fixture: "local",
    caughtBy: ["list.recency"],
  },
  {
    name: "a list of what stands below a thread has its children only",
    file: "src/store/thread-lineage.ts",
    from: "      above.push(child.id);\n",
    to: "",
    fixture: "local",
    caughtBy: ["list.lineage"],
  },
  {
    name: "a cursor whose turn was rolled back goes on from the beginning",
    file: TURNS,
    from: "if (index < 0) throw anchorGone(cursor);",
    to: "if (index < 0) return 0;",
    fixture: "local",
    caughtBy: ["turns.rolled-back-cursor"],
  },
  {
    name: "a page of turns skips the turn behind its cursor",
    file: TURNS,
    from: "return anchor.includeAnchor ? index : index + 1;",
    to: "return anchor.includeAnchor ? index : index + 2;",
    fixture: "local",
    caughtBy: ["turns.fold"],
  },
  {
    name: "a cursor of turns finds the first turn of its id",
    file: TURNS,
    from: "      entry.anchor.occurrence === anchor.occurrence &&\n",
    to: "",
    fixture: "local",
    caughtBy: ["turns.fold"],
  },
];
