/**
 * Bugs of the state DB and of what the local store makes of its rows: pages, lists, search, windows and forks by
 * rows, folds that go on from a mark, and rows that are not brought up to their files.
 */
import type { SourceMutant } from "./source-mutant.ts";

const QUERIES = "src/projections/thread-list-queries.ts";
const TURN_ROWS = "src/projections/turn-rows.ts";
const FOLD = "src/projections/rollout-fold.ts";
const STORE = "src/projections/rollout-store.ts";
const LIVE = "src/projections/live-rows.ts";
const SEARCH = "src/projections/text-search.ts";
const DB = "src/projections/state-db.ts";

/** The bugs. */
export const rowMutants: readonly SourceMutant[] = [
  {
    name: "a page by rows begins behind its cursor's time, whatever the id",
    file: QUERIES,
    from: 'conditions.push(`(${column}, thread_id) ${direction === "asc" ? ">" : "<"} (?, ?)`);\n    values.push(behind.keyMs, behind.id);',
    to: 'conditions.push(`${column} ${direction === "asc" ? ">" : "<"} ?`);\n    values.push(behind.keyMs);',
    fixture: "indexed",
    caughtBy: ["list.complete"],
  },
  {
    name: "a page by rows is not looked beyond, so it always ends the list",
    file: QUERIES,
    from: "cut.limit + 1,",
    to: "cut.limit,",
    fixture: "indexed",
    caughtBy: ["list.complete"],
  },
  {
    name: "threads of one time are always in ascending order of their ids",
    file: QUERIES,
    from: "ORDER BY ${column} ${order}, thread_id ${order} LIMIT ?",
    to: "ORDER BY ${column} ${order}, thread_id ASC LIMIT ?",
    fixture: "indexed",
    caughtBy: ["list.complete"],
  },
  {
    name: "a thread that was written to since the walk began is missing from it",
    file: QUERIES,
    from: "newer: threadsOf(newer),",
    to: "newer: [],",
    fixture: "indexed",
    caughtBy: ["list.under-writes"],
  },
  {
    name: "a filter of rows by parent lets grandchildren through",
    file: QUERIES,
    from: 'conditions.push("parent_thread_id = ?");',
    to: "conditions.push(\"parent_thread_id IS NOT NULL AND ? <> ''\");",
    fixture: "indexed",
    caughtBy: ["list.lineage"],
  },
  {
    name: "a list by rows does not look at the files",
    file: DB,
    from: "if (isLooking) await this.sweep();",
    to: "",
    fixture: "indexed",
    caughtBy: ["list.two-handles"],
  },
  {
    name: "a turn that was rolled back is still shown",
    file: TURN_ROWS,
    from: 'const STANDING = "rollout_id = ? AND dropped_by IS NULL";',
    to: 'const STANDING = "rollout_id = ?";',
    fixture: "indexed",
    caughtBy: ["turns.fold"],
  },
  {
    name: "a cursor of turns by rows leaves out the turn it is to begin with",
    file: TURN_ROWS,
    from: '${isInclusive ? "=" : ""}',
    to: "",
    fixture: "indexed",
    caughtBy: ["turns.backwards"],
  },
  {
    name: "items are numbered from 1 in every turn",
    file: "src/store/local/indexed-turns.ts",
    from: "return emptyTurnsAt(startOrdinal, firstItem);",
    to: "return emptyTurnsAt(startOrdinal, 1 + 0 * firstItem);",
    fixture: "indexed",
    caughtBy: ["items.pages"],
  },
  {
    name: "a fold by rows goes on with the wrong number of items",
    file: FOLD,
    from: "item: turns.nextItem, isUnverified",
    to: "item: 1, isUnverified",
    fixture: "indexed",
    caughtBy: ["window.fork"],
  },
  {
    name: "a compaction that recorded nothing opens a window",
    file: DB,
    from: "compaction: compaction?.isWhole === true ? compaction : null,",
    to: "compaction,",
    fixture: "indexed",
    caughtBy: ["window.outline"],
  },
  {
    name: "a window's outlines have its first turn too",
    file: "src/store/window-from-rows.ts",
    from: "entries: turns.slice(0, at).map(entryOf),",
    to: "entries: turns.slice(0, at + 1).map(entryOf),",
    fixture: "indexed",
    caughtBy: ["window.outline"],
  },
  {
    name: "a fork by rows holds the whole log, wherever it is cut",
    file: "src/store/local/writer-opening.ts",
    from: "context.rows?.nextOrdinalOf(file) === endOrdinal ?",
    to: "context.rows?.nextOrdinalOf(file) !== undefined ?",
    fixture: "indexed",
    caughtBy: ["fork.prefix"],
  },
  {
    name: "rows of a new thread are placed as if its session_meta had no bytes",
    file: "src/store/local/rollout-writer.ts",
    from: '(isNew ? this.#metaLine : "") + entries',
    to: '(isNew ? "" : "") + entries',
    fixture: "indexed",
    caughtBy: ["window.fork"],
  },
  {
    name: "the times of a thread's row stay as they were",
    file: LIVE,
    from: "threads.touch(live.threadId, id, changes.state.metadata);",
    to: "void threads;",
    fixture: "indexed",
    caughtBy: ["list.complete"],
  },
  {
    name: "metadata that changed are taken for the same",
    file: "src/projections/live-rollout.ts",
    from: "TIMES.has(name) || before.get(name) === value",
    to: 'TIMES.has(name) || before.get(name) === value || name === "preview" || name === "git"',
    fixture: "indexed",
    caughtBy: ["metadata.patches"],
  },
  {
    name: "a name is not in the thread's row",
    file: "src/projections/thread-rows.ts",
    from: "      thread.name?.toLowerCase() ?? null,\n",
    to: "      null,\n",
    fixture: "indexed",
    caughtBy: ["search.finds"],
  },
  {
    name: "moving a thread leaves its row in the list it was in",
    file: DB,
    from: "rollouts.moveTo(row, { path, archived: place.archived });",
    to: "rollouts.moveTo(row, { path, archived: row.archived });",
    fixture: "indexed",
    caughtBy: ["archive.moves"],
  },
  {
    name: "texts of turns that were rolled back are still found",
    file: STORE,
    from: "for (const text of dropped) this.#removeText(text.id, index);",
    to: "void dropped;",
    fixture: "indexed",
    caughtBy: ["search.rolled-back"],
  },
  {
    name: "what the model said is not found",
    file: FOLD,
    from: '(payload.type === "user_message" || payload.type === "agent_message")',
    to: '(payload.type === "user_message")',
    fixture: "indexed",
    caughtBy: ["search.finds"],
  },
  {
    name: "a term of two letters is asked of an index of three",
    file: SEARCH,
    from: "if (letters.length < 3) return null;",
    to: "",
    fixture: "indexed",
    caughtBy: ["search.short"],
  },
  {
    name: "a quote in a query means something to the index",
    file: SEARCH,
    from: '`"${triple.replaceAll(\'"\', \'""\')}"`',
    to: '`"${triple}"`',
    fixture: "indexed",
    caughtBy: ["search.literal"],
  },
  {
    name: "what the index found is not looked at again",
    file: SEARCH,
    from: "const snippet = this.#snippetOf([thread.name]) ?? this.#snippetOf(this.#texts(rolloutId));",
    to: "const snippet = this.#snippetOf([thread.name]) ?? [...this.#texts(rolloutId)][0] ?? null;",
    fixture: "indexed",
    caughtBy: ["search.literal"],
  },
  {
    name: "a search has no threads of the archive",
    file: SEARCH,
    from: "params.archived === undefined ? [false, true] : [params.archived];",
    to: "[params.archived ?? false];",
    fixture: "indexed",
    caughtBy: ["search.archived"],
  },
];
