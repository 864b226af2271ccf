/**
 * Rows of rollouts in one table set: written from a fold's changes, read back as the base to go on from.
 * Every method is called inside the caller's transaction; none begins one. Statements are prepared once,
 * as preparing costs more than running them.
 */
import { emptyUsage, threadMetadataFold, type ThreadTokenUsage } from "../events/index.ts";
import type { FoldBase } from "./rollout-fold.ts";
import { type FileHints, type RawRollout, type RolloutPlaceRow, type RolloutRow, toRow } from "./rollout-row.ts";
import type { RolloutState, RowChanges, TurnRow } from "./rollout-rows.ts";
import type { SetStatements } from "./set-statements.ts";
import type { TextIndexChanges } from "./text-index.ts";
import { entryOf, type RawTurn } from "./turn-rows.ts";

export type { FileHints, RolloutPlaceRow, RolloutRow } from "./rollout-row.ts";

/** A file that could not be folded, as it was then. */
export interface QuarantinedFile {
  readonly inode: string;
  readonly size: number;
  readonly modifiedNs: string;
  readonly code: string;
  readonly reason: string;
  readonly sinceMs: number;
}

/** A file as its row knows it, without what was folded. */
export interface FileRow {
  readonly id: number;
  readonly path: string;
  readonly inode: string;
  readonly size: number;
  readonly modifiedNs: string | null;
  readonly threadId: string | null;
}

/** What is written at once for one rollout. */
export interface RolloutWrite {
  /** The row to go on with, when its metadata are known to differ in their times alone. */
  readonly sameMetadataAs?: number;
  readonly place: RolloutPlaceRow;
  readonly hints: FileHints;
  readonly changes: RowChanges;
  /** The changes are the whole log's: what was there before goes. */
  readonly isWhole: boolean;
}

/** Ordinals of one rollout that can have texts; rollouts beyond are searched no further. */
const TEXT_ORDINALS_MAX = 2 ** 25 - 1;

/** Row ids of a rollout's texts: [from, to), a text's by its ordinal. */
export function textIdsOf(rolloutId: number): { readonly from: number; readonly to: number } {
  const from = rolloutId * (TEXT_ORDINALS_MAX + 1);
  return { from, to: from + TEXT_ORDINALS_MAX + 1 };
}

export class RolloutStore {
  readonly #sql: SetStatements;

  constructor(sql: SetStatements) {
    this.#sql = sql;
  }

  /** The rollout at a path, as its rows know it. */
  byPath(path: string): RolloutRow | undefined {
    return toRow(this.#sql.get<RawRollout>("SELECT * FROM rollouts_# WHERE path = ?", path));
  }

  byId(id: number): RolloutRow | undefined {
    return toRow(this.#sql.get<RawRollout>("SELECT * FROM rollouts_# WHERE id = ?", id));
  }

  /** How far the rows of the rollout at a path are, without what was folded. */
  peek(path: string): { readonly id: number; readonly endOffset: number; readonly inode: string } | undefined {
    return this.#sql.get("SELECT id, end_offset AS endOffset, inode FROM rollouts_# WHERE path = ?", path);
  }

  /** Every rollout that holds a thread. */
  ofThread(threadId: string): readonly RolloutRow[] {
    const rows = this.#sql.all<RawRollout>("SELECT * FROM rollouts_# WHERE thread_id = ?", threadId);
    return rows.map((row) => toRow(row)).filter((row) => row !== undefined);
  }

  /** Where a fold of this rollout goes on. */
  baseOf(row: RolloutRow): FoldBase {
    const { mark } = row.state;
    const rows = this.#sql.all<RawTurn>(
      "SELECT * FROM turns_# WHERE rollout_id = ? AND start_ordinal < ? AND (dropped_by IS NULL OR dropped_by >= ?) ORDER BY start_ordinal",
      row.id,
      mark.ordinal,
      mark.ordinal,
    );
    return { state: row.state, entries: rows.map(entryOf) };
  }

  /** Writes what changed of a rollout; answers its row id. What changes in the full-text index is noted in `index`. */
  write({ place, hints, changes, isWhole, sameMetadataAs }: RolloutWrite, index: TextIndexChanges): number {
    const id = sameMetadataAs ?? this.#writeRollout(place, hints, changes.state);
    if (sameMetadataAs !== undefined) this.#moveOn(id, hints, changes.state);
    if (isWhole) this.#clearRows(id, index);
    for (const turn of changes.turns) this.#writeTurn(id, turn, changes.usages.get(turn.startOrdinal));
    for (const [start, outcome] of changes.outcomes) {
      this.#sql.run(
        "UPDATE turns_# SET status = ?, error = ?, started_at = ?, completed_at = ?, duration_ms = ?, item_count = ? WHERE rollout_id = ? AND start_ordinal = ?",
        outcome.status,
        outcome.error === null ? null : JSON.stringify(outcome.error),
        outcome.startedAt,
        outcome.completedAt,
        outcome.durationMs,
        outcome.itemCount,
        id,
        start,
      );
    }
    this.#writeLateSpans(id, changes);
    const written = new Set(changes.turns.map(({ startOrdinal }) => startOrdinal));
    for (const [start, usage] of changes.usages) {
      if (written.has(start)) continue;
      this.#sql.run(
        "UPDATE turns_# SET usage = ? WHERE rollout_id = ? AND start_ordinal = ?",
        JSON.stringify(usage),
        id,
        start,
      );
    }
    for (const drop of changes.drops) this.#drop(id, drop, index);
    for (const { ordinal, turnStart, text } of changes.texts) {
      if (ordinal < TEXT_ORDINALS_MAX)
        this.#writeText({ textId: textIdsOf(id).from + ordinal, turnStart, text }, index);
    }
    return id;
  }

  /** Notes a file that holds no thread, so that it is not looked into again before it changes. */
  writeNoThread({ place, hints }: Pick<RolloutWrite, "place" | "hints">, index: TextIndexChanges): number {
    const mark = { ordinal: 0, offset: 0, index: 0, item: 1, isUnverified: false };
    const metadata = threadMetadataFold.initial();
    const nothing = { nextOrdinal: 0, endOffset: 0, metadata, usage: emptyUsage(), compaction: null, mark };
    const id = this.#writeRollout(place, hints, nothing);
    this.#clearRows(id, index);
    return id;
  }

  /** Notes a file that could not be folded as it is now. */
  quarantine(path: string, file: QuarantinedFile): void {
    this.#sql.run(
      `INSERT INTO quarantine_# VALUES (?, ?, ?, ?, ?, ?, 1, ?) ON CONFLICT (path) DO UPDATE SET inode = excluded.inode,
         size = excluded.size, modified_ns = excluded.modified_ns, code = excluded.code, reason = excluded.reason,
         attempts = attempts + 1`,
      path,
      file.inode,
      file.size,
      file.modifiedNs,
      file.code,
      file.reason,
      file.sinceMs,
    );
  }

  endQuarantine(path: string): void {
    this.#sql.run("DELETE FROM quarantine_# WHERE path = ?", path);
  }

  /** The files that could not be folded, by path. */
  quarantined(): readonly (QuarantinedFile & { readonly path: string; readonly attempts: number })[] {
    return this.#sql.all(
      `SELECT path, inode, size, modified_ns AS modifiedNs, code, reason, attempts, since_ms AS sinceMs
       FROM quarantine_# ORDER BY path`,
    );
  }

  /** How many files the rows know. */
  count(): number {
    return this.#sql.get<{ files: number }>("SELECT count(*) AS files FROM rollouts_#")?.files ?? 0;
  }

  /** What the rows say of the files at these paths. */
  filesAt(paths: readonly string[]): readonly FileRow[] {
    return this.#sql.all(
      `SELECT id, path, inode, size, modified_ns AS modifiedNs, thread_id AS threadId FROM rollouts_#
       WHERE path IN (SELECT value FROM json_each(?))`,
      JSON.stringify(paths),
    );
  }

  /** What the rows say of every file. */
  files(): readonly FileRow[] {
    return this.#sql.all(
      "SELECT id, path, inode, size, modified_ns AS modifiedNs, thread_id AS threadId FROM rollouts_#",
    );
  }

  /** Forgets a rollout: its file is gone or holds no thread any more. */
  remove(id: number, index: TextIndexChanges): void {
    this.#clearRows(id, index);
    this.#sql.run("DELETE FROM rollouts_# WHERE id = ?", id);
  }

  /** Notes that the file is as the rows say, at another place or time. */
  touch(id: number, place: RolloutPlaceRow, hints: Pick<FileHints, "inode" | "size" | "modifiedNs">): void {
    this.#sql.run(
      "UPDATE rollouts_# SET path = ?, archived = ?, inode = ?, size = ?, modified_ns = ? WHERE id = ?",
      place.path,
      place.archived ? 1 : 0,
      hints.inode,
      hints.size,
      hints.modifiedNs,
      id,
    );
  }

  /** Notes that this process moved the file, and did not look at its time of change. */
  moveTo(row: RolloutRow, place: RolloutPlaceRow): void {
    // Where the log has no times the file's are shown: a time that no file has makes the next sweep look.
    this.touch(row.id, place, { ...row, modifiedNs: row.state.metadata.createdAtMs > 0 ? null : "" });
  }

  #writeRollout(place: RolloutPlaceRow, hints: FileHints, state: RolloutState): number {
    const { metadata, mark, usage, compaction, nextOrdinal, endOffset } = state;
    const threadId = metadata.hasSessionMeta ? metadata.id.toLowerCase() : null;
    const written = this.#sql.get<{ id: number }>(
      `INSERT INTO rollouts_# (path, archived, inode, size, modified_ns, thread_id, next_ordinal, end_offset,
         tail_check, mark, metadata, updated_at_ms, recency_at_ms, usage, compaction)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (path) DO UPDATE SET archived = excluded.archived, inode = excluded.inode, size = excluded.size,
         modified_ns = excluded.modified_ns, thread_id = excluded.thread_id, next_ordinal = excluded.next_ordinal,
         end_offset = excluded.end_offset, tail_check = excluded.tail_check, mark = excluded.mark,
         metadata = excluded.metadata, updated_at_ms = excluded.updated_at_ms,
         recency_at_ms = excluded.recency_at_ms, usage = excluded.usage, compaction = excluded.compaction
       RETURNING id`,
      place.path,
      place.archived ? 1 : 0,
      hints.inode,
      hints.size,
      hints.modifiedNs,
      threadId,
      nextOrdinal,
      endOffset,
      hints.tailCheck,
      JSON.stringify(mark),
      JSON.stringify(metadata),
      metadata.updatedAtMs,
      metadata.recencyAtMs,
      JSON.stringify(usage),
      compaction === null ? null : JSON.stringify(compaction),
    );
    if (written === undefined) throw new TypeError("an upsert returned no row");
    return written.id;
  }

  /** A row that only goes on: its metadata, which may be large, stay as they are written. */
  #moveOn(id: number, hints: FileHints, state: RolloutState): void {
    const { metadata, mark, usage, compaction, nextOrdinal, endOffset } = state;
    this.#sql.run(
      `UPDATE rollouts_# SET inode = ?, size = ?, modified_ns = ?, next_ordinal = ?, end_offset = ?, tail_check = ?,
         mark = ?, updated_at_ms = ?, recency_at_ms = ?, usage = ?, compaction = ? WHERE id = ?`,
      hints.inode,
      hints.size,
      hints.modifiedNs,
      nextOrdinal,
      endOffset,
      hints.tailCheck,
      JSON.stringify(mark),
      metadata.updatedAtMs,
      metadata.recencyAtMs,
      JSON.stringify(usage),
      compaction === null ? null : JSON.stringify(compaction),
      id,
    );
  }

  /** Without `usage` the turn keeps what was told of it before. */
  #writeTurn(id: number, turn: TurnRow, usage: ThreadTokenUsage | undefined): void {
    const { outcome } = turn;
    this.#sql.run(
      `INSERT OR REPLACE INTO turns_# (rollout_id, start_ordinal, end_ordinal, start_offset, end_offset, id, status,
         error, started_at, completed_at, duration_ms, first_item, first_index, item_count, begun_at_ms, dropped_by, late, usage)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL,
         coalesce(?, (SELECT usage FROM turns_# WHERE rollout_id = ? AND start_ordinal = ?)))`,
      id,
      turn.startOrdinal,
      turn.endOrdinal,
      turn.startOffset,
      turn.endOffset,
      turn.id,
      outcome.status,
      outcome.error === null ? null : JSON.stringify(outcome.error),
      outcome.startedAt,
      outcome.completedAt,
      outcome.durationMs,
      turn.firstItem,
      turn.firstIndex,
      outcome.itemCount,
      turn.begunAtMs,
      usage === undefined ? null : JSON.stringify(usage),
      id,
      turn.startOrdinal,
    );
  }

  #writeLateSpans(id: number, { lateSpans }: RowChanges): void {
    for (const { startOrdinal, ordinal, start, end } of lateSpans) {
      const row = this.#sql.get<{ late: string | null }>(
        "SELECT late FROM turns_# WHERE rollout_id = ? AND start_ordinal = ?",
        id,
        startOrdinal,
      );
      if (row === undefined) continue;
      const known = (row.late === null ? [] : JSON.parse(row.late)) as (readonly [number, number, number])[];
      const spans = [...known.filter(([other]) => other !== ordinal), [ordinal, start, end]];
      this.#sql.run(
        "UPDATE turns_# SET late = ? WHERE rollout_id = ? AND start_ordinal = ?",
        JSON.stringify(spans),
        id,
        startOrdinal,
      );
    }
  }

  /** What was dropped is not shown and not found any more. */
  #drop(id: number, { fromStart, by }: RowChanges["drops"][number], index: TextIndexChanges): void {
    this.#sql.run(
      "UPDATE turns_# SET dropped_by = ? WHERE rollout_id = ? AND start_ordinal >= ? AND start_ordinal < ? AND dropped_by IS NULL",
      by,
      id,
      fromStart,
      by,
    );
    const { from, to } = textIdsOf(id);
    const dropped = this.#sql.all<{ id: number }>(
      "SELECT id FROM texts_# WHERE id >= ? AND id < ? AND turn_start >= ? AND turn_start < ?",
      from,
      to,
      fromStart,
      by,
    );
    for (const text of dropped) this.#removeText(text.id, index);
  }

  #writeText(
    { textId, turnStart, text }: { readonly textId: number; readonly turnStart: number; readonly text: string },
    index: TextIndexChanges,
  ): void {
    const changes = this.#sql.run("INSERT OR IGNORE INTO texts_# VALUES (?, ?, ?)", textId, turnStart, text);
    if (changes > 0) index.add(textId, text);
  }

  #removeText(textId: number, index: TextIndexChanges): void {
    this.#sql.run("DELETE FROM texts_# WHERE id = ?", textId);
    index.remove(textId);
  }

  #clearRows(id: number, index: TextIndexChanges): void {
    this.#sql.run("DELETE FROM turns_# WHERE rollout_id = ?", id);
    const { from, to } = textIdsOf(id);
    for (const text of this.#sql.all<{ id: number }>("SELECT id FROM texts_# WHERE id >= ? AND id < ?", from, to)) {
      this.#removeText(text.id, index);
    }
  }
}
