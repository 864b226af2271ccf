/**
 * A thread's rows as one digest: what the log says, without what is only a hint (offsets, marks, row ids, the
 * file's size and times). Two table sets that know the same log of a thread give the same digest, whichever
 * way their rows came about.
 */
import { createHash, type Hash } from "node:crypto";

import { type RolloutRow, textIdsOf } from "./rollout-store.ts";
import type { Tables } from "./tables.ts";
import type { RawTurn } from "./turn-rows.ts";

/** The tables that a digest is made of. */
export const DIGESTED_TABLES = Object.freeze(["rollouts", "threads", "turns", "texts", "names"] as const);

/** One of them. */
export type DigestedTable = (typeof DIGESTED_TABLES)[number];

/** What a set says of a thread. */
export interface ThreadDigest {
  /** SHA-256 over all of it, hexadecimal. */
  readonly whole: string;
  readonly tables: Readonly<Record<DigestedTable, string>>;
}

/** Digests a thread's rows. Inside a transaction of the caller, so that they fit together. */
export function digestThread(tables: Tables, threadId: string): ThreadDigest {
  const rollouts = tables.rollouts.ofThread(threadId).toSorted((a, b) => (a.path < b.path ? -1 : 1));
  const digests: Record<DigestedTable, string> = {
    rollouts: digestOf(rollouts.map(rolloutValues)),
    threads: digestOf(listRow(tables, threadId)),
    turns: digestOf(turnValues(tables, rollouts)),
    texts: digestOf(textValues(tables, rollouts)),
    names: digestOf(tables.sql.all("SELECT thread_id, name FROM names_# WHERE thread_id = ?", threadId)),
  };
  return { whole: digestOf(DIGESTED_TABLES.map((table) => digests[table])), tables: digests };
}

/** The tables in which two digests differ. */
export function differingTables(a: ThreadDigest, b: ThreadDigest): readonly DigestedTable[] {
  return DIGESTED_TABLES.filter((table) => a.tables[table] !== b.tables[table]);
}

function rolloutValues({ path, archived, threadId, state }: RolloutRow): unknown {
  const { nextOrdinal, metadata, usage, compaction } = state;
  return { path, archived, threadId, nextOrdinal, metadata, usage, compaction };
}

/** The thread's row in the list, with the path that it is read from in place of the rollout's id. */
function listRow({ sql, rollouts }: Tables, threadId: string): readonly unknown[] {
  const rows = sql.all<{ readonly rollout_id: number }>("SELECT * FROM threads_# WHERE thread_id = ?", threadId);
  return rows.map(({ rollout_id: id, ...row }) => ({ ...row, path: rollouts.byId(id)?.path ?? null }));
}

function* turnValues({ sql }: Tables, rollouts: readonly RolloutRow[]): Generator<unknown, void, undefined> {
  for (const { id, path } of rollouts) {
    const turns = sql.all<RawTurn>("SELECT * FROM turns_# WHERE rollout_id = ? ORDER BY start_ordinal", id);
    for (const turn of turns) yield { ...turnValue(turn), path };
  }
}

/** Of a turn that was rolled back only where it stood counts: nobody is shown the rest, and no fold keeps it up. */
function turnValue(turn: RawTurn): object {
  const { rollout_id: _id, start_offset: _start, end_offset: _end, first_index: _index, ...row } = turn;
  if (turn.dropped_by !== null) {
    const { start_ordinal, end_ordinal, id, dropped_by, first_item, begun_at_ms } = turn;
    return { start_ordinal, end_ordinal, id, dropped_by, first_item, begun_at_ms };
  }
  const late = parsed(turn.late) as readonly (readonly [number, number, number])[] | null;
  const lateOrdinals = late?.map(([ordinal]) => ordinal).toSorted((a, b) => a - b) ?? null;
  return { ...row, error: parsed(turn.error), usage: parsed(turn.usage), late: lateOrdinals };
}

function* textValues({ sql }: Tables, rollouts: readonly RolloutRow[]): Generator<unknown, void, undefined> {
  for (const { id, path } of rollouts) {
    const { from, to } = textIdsOf(id);
    const texts = sql.iterate<{ readonly id: number; readonly turn_start: number; readonly text: string }>(
      "SELECT id, turn_start, text FROM texts_# WHERE id >= ? AND id < ? ORDER BY id",
      from,
      to,
    );
    for (const text of texts) yield [path, text.id - from, text.turn_start, text.text];
  }
}

function parsed(json: string | null): unknown {
  return json === null ? null : (JSON.parse(json) as unknown);
}

function digestOf(values: Iterable<unknown>): string {
  const hash = createHash("sha256");
  for (const value of values) update(hash, value);
  return hash.digest("hex");
}

function update(hash: Hash, value: unknown): void {
  hash.update(JSON.stringify(value, sortedMembers)).update("\n");
}

/** JSON whose members stand in one order: a fold that goes on may have set them in another. */
function sortedMembers(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
