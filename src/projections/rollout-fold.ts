/**
 * Folds one rollout into rows: the turns, metadata and usage folds of events stepped together, and what of
 * their states changed. Backfill, sweeps, rebuilds and live appends all go through this one class; they
 * differ only in where they begin and how many records they hand over before they take the changes.
 *
 * Invariants
 *   P1  Rows after n records are the same however the n records were cut into batches, and whether
 *       folding began at 0 or went on from a mark.
 *   P2  Memory is bounded by the open turn and the outlines of the others: items of closed turns are given
 *       up. A record that needs them asks for a fold from 0 (`needsWholeFold`).
 */
import {
  epochMsOf,
  emptyUsage,
  itemCountOf,
  type LineSpan,
  listAt,
  needsHiddenItems,
  needsStrictReplay,
  type RolloutRecord,
  type SkippedRun,
  stepUsage,
  type ThreadMetadata,
  threadMetadataFold,
  type ThreadTokenUsage,
  turnEntriesOf,
  type TurnEntry,
  turnsFold,
  turnsStateAt,
  type TurnsState,
  withoutClosedItems,
} from "../events/index.ts";
import type {
  CompactionMark,
  FoldMark,
  LateSpan,
  RolloutState,
  RowChanges,
  TextRow,
  TurnOutcome,
  TurnRow,
  UsageRow,
} from "./rollout-rows.ts";

/** Where a fold goes on: the state that was saved, and the turns that stood at its mark. */
export interface FoldBase {
  readonly state: RolloutState;
  /** Outlines, oldest first, of those that began before the mark. */
  readonly entries: readonly TurnEntry[];
}

/** What the fold reads of a log; the other lines may be handed over as skipped runs. */
export const ROLLOUT_NEEDS = Object.freeze([
  turnsFold.needs,
  threadMetadataFold.needs,
  { types: new Set<string>(), eventKinds: new Set(["token_count"]) },
]);

/** Closed turns that keep their items: enough for what tools say late, few enough for any rollout. */
const TURNS_WITH_ITEMS = 32;
/** Standing compactions that are remembered. */
const COMPACTIONS_MAX = 16;
/** Closed turns between two clearances. */
const CLEAR_EVERY_TURNS = 256;

interface TurnPlaceSeen {
  readonly startOffset: number | null;
  readonly firstItem: number;
  readonly firstIndex: number | null;
  readonly begunAtMs: number | null;
  endOffset: number | null;
}

export class RolloutFold {
  readonly #keepsItems: boolean;
  #turns: TurnsState;
  #metadata: ThreadMetadata;
  #usage: UsageRow;
  #compaction: CompactionMark | null;
  #mark: FoldMark;
  #nextOrdinal: number;
  #endOffset: number;
  #needsWholeFold = false;
  /** Where this record and the input before it began, by ordinal: a turn begins at one of them. */
  readonly #places = new Map<number, { readonly offset: number; readonly index: number }>();
  /** What was seen of the turns that began here, by their start. */
  readonly #seen = new Map<number, TurnPlaceSeen>();
  #droppedRows: TurnRow[] = [];
  #drops: { fromStart: number; by: number }[] = [];
  #changed = new Set<number>();
  #lateSpans: LateSpan[] = [];
  #usages = new Map<number, ThreadTokenUsage>();
  #texts: TextRow[] = [];

  /** Begins at `base`, or at the start of a log. `keepsItems`: P2 is given up for late records. */
  constructor(base: FoldBase | null, options: { readonly keepsItems?: boolean } = {}) {
    this.#keepsItems = options.keepsItems ?? false;
    const mark = base?.state.mark ?? { ordinal: 0, offset: 0, index: 0, item: 1, isUnverified: false };
    this.#mark = mark;
    this.#turns = turnsStateAt({
      nextOrdinal: mark.ordinal,
      nextIndex: mark.index,
      nextItem: mark.item,
      isUnverified: mark.isUnverified,
      entries: base?.entries ?? [],
    });
    this.#metadata = base?.state.metadata ?? threadMetadataFold.initial();
    this.#usage = base?.state.usage ?? emptyUsage();
    this.#compaction = base?.state.compaction ?? null;
    // Those behind the mark are met again.
    while (this.#compaction !== null && this.#compaction.ordinal >= mark.ordinal)
      this.#compaction = this.#compaction.before;
    this.#nextOrdinal = mark.ordinal;
    this.#endOffset = mark.offset;
  }

  /** The ordinal of the record it waits for. */
  get nextOrdinal(): number {
    return this.#nextOrdinal;
  }

  /** Where the next record begins. */
  get endOffset(): number {
    return this.#endOffset;
  }

  /** The rows can't be told from here: fold again from 0, `keepsItems` and with every line parsed. */
  get needsWholeFold(): boolean {
    return this.#needsWholeFold || needsStrictReplay(this.#turns);
  }

  /** Takes the next record. */
  record(record: RolloutRecord, span: LineSpan): void {
    const before = this.#turns;
    if (!this.#keepsItems && needsHiddenItems(before, record)) this.#needsWholeFold = true;
    const { inputFrom, nextIndex } = before.track;
    if (inputFrom === null) this.#places.clear();
    this.#places.set(record.ordinal, { offset: span.start, index: nextIndex });
    this.#turns = turnsFold.step(before, record);
    this.#metadata = threadMetadataFold.step(this.#metadata, record);
    this.#nextOrdinal = record.ordinal + 1;
    this.#endOffset = span.end;
    if (this.#turns.closed !== before.closed || this.#turns.pending !== before.pending) {
      this.#noteTurns(before, record, span);
    }
    this.#noteEvent(record);
    this.#clear();
  }

  /** Passes over records nobody needs. Where they end is told by the next record or by `endAt`. */
  skipped(run: SkippedRun): void {
    this.#turns = turnsFold.skip?.(this.#turns, run) ?? this.#turns;
    this.#metadata = threadMetadataFold.skip?.(this.#metadata, run) ?? this.#metadata;
    this.#nextOrdinal = run.to;
  }

  /** Says where the log ends by now, behind whatever was skipped last. */
  endAt(offset: number): void {
    this.#endOffset = offset;
  }

  /** What changed since the last call. */
  take(): RowChanges {
    const { pending } = this.#turns;
    if (pending !== null) this.#changed.add(pending.startOrdinal);
    const { inputFrom, nextIndex } = this.#turns.track;
    if (pending === null && inputFrom === null) {
      this.#remark(this.#turns, this.#nextOrdinal, { offset: this.#endOffset, index: nextIndex });
    }
    const { turns, outcomes } = this.#changedTurns();
    for (const start of this.#seen.keys()) if (start !== pending?.startOrdinal) this.#seen.delete(start);
    const changes: RowChanges = {
      state: this.state,
      drops: this.#drops,
      turns: [...this.#droppedRows, ...turns],
      outcomes,
      lateSpans: this.#lateSpans,
      usages: this.#usages,
      texts: this.#texts,
    };
    this.#droppedRows = [];
    this.#drops = [];
    this.#changed = new Set();
    this.#lateSpans = [];
    this.#usages = new Map();
    this.#texts = [];
    return changes;
  }

  /** The state after all records so far. */
  get state(): RolloutState {
    return {
      nextOrdinal: this.#nextOrdinal,
      endOffset: this.#endOffset,
      metadata: this.#metadata,
      usage: this.#usage,
      compaction: this.#compaction,
      mark: this.#mark,
    };
  }

  /** A place to go on from: where a turn begins, or between two with nothing waiting for one. */
  #remark(turns: TurnsState, ordinal: number, place: { readonly offset: number; readonly index: number }): void {
    this.#mark = { ordinal, ...place, item: turns.nextItem, isUnverified: turns.track.isUnverified };
  }

  #noteTurns(before: TurnsState, record: RolloutRecord, span: LineSpan): void {
    const { pending, closed } = this.#turns;
    const offsetOf = (ordinal: number): number | null =>
      ordinal === record.ordinal + 1 ? span.end : (this.#places.get(ordinal)?.offset ?? null);
    if (isRollback(record)) this.#noteDrop(before, record.ordinal);
    if (closed !== before.closed) {
      const isSameRow = closed.backing === before.closed.backing;
      const firstNew = isSameRow ? before.closed.length : 0;
      for (let index = firstNew; index < closed.length; index += 1) {
        const entry = closed.backing[index];
        if (entry === undefined || (index < before.closed.length && entry === before.closed.backing[index])) continue;
        this.#changed.add(entry.startOrdinal);
        const seen = this.#seen.get(entry.startOrdinal);
        if (index < before.closed.length) this.#noteLate(entry, record, span);
        else if (seen !== undefined) seen.endOffset = offsetOf(entry.endOrdinal);
      }
    }
    if (pending === null || pending.startOrdinal === before.pending?.startOrdinal) return;
    const begin = this.#places.get(pending.startOrdinal);
    if (begin !== undefined) this.#remark(before, pending.startOrdinal, begin);
    this.#seen.set(pending.startOrdinal, {
      startOffset: offsetOf(pending.startOrdinal),
      endOffset: null,
      firstItem: before.nextItem,
      firstIndex: begin?.index ?? null,
      begunAtMs: epochMsOf(record.timestamp),
    });
    this.#changed.add(pending.startOrdinal);
  }

  #noteLate({ startOrdinal }: TurnEntry, { ordinal }: RolloutRecord, { start, end }: LineSpan): void {
    this.#lateSpans.push({ startOrdinal, ordinal, start, end });
  }

  /** The turns that a rollback drops: those that stood before it and are not in what it leaves. */
  #noteDrop(before: TurnsState, by: number): void {
    const dropped = turnEntriesOf(before, { live: true }).slice(this.#turns.closed.length);
    const endOffset = this.#places.get(by)?.offset ?? null;
    const seenOpen = before.pending === null ? undefined : this.#seen.get(before.pending.startOrdinal);
    if (seenOpen !== undefined) seenOpen.endOffset = endOffset;
    const first = dropped[0];
    if (first === undefined) return;
    const { startOrdinal: fromStart } = first;
    for (const entry of dropped) {
      const seen = this.#seen.get(entry.startOrdinal);
      if (seen !== undefined) this.#droppedRows.push(rowOf(entry, seen, seen.endOffset));
      this.#seen.delete(entry.startOrdinal);
      this.#changed.delete(entry.startOrdinal);
    }
    this.#drops.push({ fromStart, by });
    this.#texts = this.#texts.filter(({ turnStart }) => turnStart < fromStart);
    while (this.#compaction !== null && this.#compaction.turnStart >= fromStart)
      this.#compaction = this.#compaction.before;
  }

  #noteEvent(record: RolloutRecord): void {
    const { item, ordinal } = record;
    const { pending } = this.#turns;
    if (item.type === "compacted" && pending !== null) {
      const isWhole = Array.isArray(item.payload.replacement_history);
      const before = newestCompactions(this.#compaction, COMPACTIONS_MAX - 1);
      this.#compaction = { ordinal, turnStart: pending.startOrdinal, isWhole, before };
    }
    if (item.type !== "event_msg") return;
    const { payload } = item;
    if (payload.type === "token_count") {
      const before = this.#usage.usage;
      this.#usage = stepUsage(this.#usage, this.#turns.track, payload);
      const { starts } = this.#turns.track;
      const turn = starts.backing[starts.length - 1];
      // One without numbers tells a turn nothing: what was told before it is not known behind a mark.
      if (starts.length > 0 && turn !== undefined && this.#usage.usage !== null && this.#usage.usage !== before) {
        this.#usages.set(turn.startOrdinal, this.#usage.usage);
      }
    } else if ((payload.type === "user_message" || payload.type === "agent_message") && pending !== null) {
      const { message } = payload;
      if (typeof message !== "string" || message.trim() === "") return;
      this.#texts.push({ ordinal, turnStart: pending.startOrdinal, text: message });
    }
  }

  /** Turns that began here are rows; of the others only how they stand is known. */
  #changedTurns(): { turns: TurnRow[]; outcomes: Map<number, TurnOutcome> } {
    const turns: TurnRow[] = [];
    const outcomes = new Map<number, TurnOutcome>();
    const isOpen = ({ startOrdinal }: TurnEntry): boolean => startOrdinal === this.#turns.pending?.startOrdinal;
    if (this.#changed.size === 0) return { turns, outcomes };
    for (const entry of this.#entriesFrom(Math.min(...this.#changed))) {
      if (!this.#changed.has(entry.startOrdinal)) continue;
      const seen = this.#seen.get(entry.startOrdinal);
      if (seen === undefined) outcomes.set(entry.startOrdinal, outcomeOf(entry));
      else turns.push(rowOf(entry, seen, seen.endOffset ?? (isOpen(entry) ? this.#endOffset : null)));
    }
    return { turns, outcomes };
  }

  /** The turns that stand, from the one that begins at or behind an ordinal on. */
  #entriesFrom(startOrdinal: number): readonly TurnEntry[] {
    const { closed, pending } = this.#turns;
    let first = closed.length;
    while (first > 0 && (closed.backing[first - 1]?.startOrdinal ?? -1) >= startOrdinal) first -= 1;
    const entries = closed.backing.slice(first, closed.length);
    return pending === null ? entries : [...entries, ...turnEntriesOf(this.#turns, { live: true }).slice(-1)];
  }

  #clear(): void {
    const { closed } = this.#turns;
    if (this.#keepsItems || closed.length % CLEAR_EVERY_TURNS !== 0) return;
    const oldest = listAt(closed, closed.length - TURNS_WITH_ITEMS - 1);
    if (oldest === undefined || oldest.turn.items.length === 0) return;
    this.#turns = withoutClosedItems(this.#turns, TURNS_WITH_ITEMS);
  }
}

/** The newest of a row of compactions. */
function newestCompactions(compaction: CompactionMark | null, most: number): CompactionMark | null {
  if (compaction === null || most === 0) return null;
  return { ...compaction, before: newestCompactions(compaction.before, most - 1) };
}

function isRollback({ item }: RolloutRecord): boolean {
  return item.type === "event_msg" && item.payload.type === "thread_rolled_back";
}

function outcomeOf(entry: TurnEntry): TurnOutcome {
  const { status, error, startedAt, completedAt, durationMs } = entry.turn;
  return { status, error, startedAt, completedAt, durationMs, itemCount: itemCountOf(entry) };
}

function rowOf(entry: TurnEntry, seen: TurnPlaceSeen, endOffset: number | null): TurnRow {
  const { turn, startOrdinal, endOrdinal } = entry;
  const { startOffset, firstItem, firstIndex, begunAtMs } = seen;
  const range = { startOrdinal, endOrdinal, startOffset, endOffset };
  return { id: turn.id, ...range, outcome: outcomeOf(entry), firstItem, firstIndex, begunAtMs };
}
