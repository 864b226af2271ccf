/**
 * The turns fold: what a thread shows, turn by turn, item by item, by Codex's rules of replay. Item ids
 * without one of their own are `item-N` by place, and are counted on from what is left after a
 * rollback; turns without a start event are `rollout-<i>`.
 *
 * Beyond Codex: an `error` event makes its turn failed, and stays its outcome (docs/CODEX.md).
 */
import {
  type AppendList,
  emptyList,
  listAppend,
  listAt,
  listFind,
  listOf,
  listTake,
  listValues,
  listWith,
} from "../append-list.ts";
import type { Fold, SkippedRun } from "../fold.ts";
import type { EventMsg, RolloutRecord } from "../rollout-item.ts";
import type { ThreadItem, Turn } from "../thread-view.ts";
import { hookPromptOf } from "./hook-prompt.ts";
import {
  appendItem,
  asTurn,
  extendReasoning,
  loadPending,
  newPending,
  type PendingTurn,
  type SavedPending,
  savePending,
  upsertItem,
} from "./pending-turn.ts";
import { TRACK_EVENT_KINDS } from "./track-needs.ts";
import {
  agentMessageItem,
  enteredReviewItem,
  exitedReviewItem,
  identifiedItem,
  numberOrNull,
  turnErrorOf,
  userMessageItem,
} from "./turn-items.ts";
import {
  emptyTrack,
  loadTrack,
  type SavedTrack,
  saveTrack,
  trackRecord,
  trackSkipped,
  type TurnAction,
  type TurnTrack,
} from "./turn-track.ts";

/** A turn and its place in the log. */
export interface TurnEntry {
  readonly turn: Turn;
  /** First record that belongs to the turn: a fork before it ends here. */
  readonly startOrdinal: number;
  /** The ordinal after the record that closed it. Records that name the turn later stand behind it. */
  readonly endOrdinal: number;
}

/** State of the turns fold; read it with `turnsOf` and `turnEntriesOf`. */
export interface TurnsState {
  readonly track: TurnTrack;
  /** As many as the track has closed turns, in its order. */
  readonly closed: AppendList<TurnEntry>;
  readonly pending: PendingTurn | null;
  /** N of the next `item-N`. */
  readonly nextItem: number;
}

/** A saved state: plain JSON. */
export interface SavedTurns {
  readonly track: SavedTrack;
  readonly closed: readonly TurnEntry[];
  readonly pending: SavedPending | null;
  readonly nextItem: number;
}

/** The fold; see the file's head. */
export const turnsFold: Fold<TurnsState, SavedTurns> = Object.freeze({
  name: "turns",
  version: 1,
  needs: {
    types: new Set(["compacted"]),
    eventKinds: new Set([...TRACK_EVENT_KINDS, "error"]),
    hookPrompts: true,
  },
  initial: (): TurnsState => ({
    track: emptyTrack(),
    closed: emptyList(),
    pending: null,
    nextItem: 1,
  }),
  step,
  skip: (state: TurnsState, run: SkippedRun): TurnsState => ({
    ...state,
    track: trackSkipped(state.track, run),
  }),
  save: (state: TurnsState): SavedTurns => ({
    track: saveTrack(state.track),
    closed: listValues(state.closed),
    pending: state.pending === null ? null : savePending(state.pending),
    nextItem: state.nextItem,
  }),
  load: (saved: SavedTurns): TurnsState => ({
    track: loadTrack(saved.track),
    closed: listOf(saved.closed),
    pending: saved.pending === null ? null : loadPending(saved.pending),
    nextItem: saved.nextItem,
  }),
});

function step(state: TurnsState, record: RolloutRecord): TurnsState {
  const { track, action } = trackRecord(state.track, record);
  const { item, ordinal } = record;
  // An end says how the turn ended before it is closed; everything else happens in the turn it opened.
  const isEnd = action.type === "close";
  const ended = isEnd && item.type === "event_msg" ? applyComplete(state, item.payload) : state;
  const moved = move({ ...ended, track }, action, ordinal);
  if (isEnd) return moved;
  switch (item.type) {
    case "event_msg":
      return applyEvent(moved, item.payload, action);
    case "response_item": {
      const fragments = hookPromptOf(item.payload);
      if (fragments === null) return moved;
      const own = item.payload["id"];
      const id = typeof own === "string" ? own : `hook-${ordinal}`;
      return inPending(moved, (turn) => appendItem(turn, { type: "hookPrompt", id, fragments }));
    }
    default:
      return moved;
  }
}

/** Opens, closes and drops turns as the track did. */
function move(state: TurnsState, action: TurnAction, ordinal: number): TurnsState {
  switch (action.type) {
    case "none":
      return state;
    case "close":
      return closePending(state, ordinal + 1);
    case "open":
      return { ...closePending(state, action.start.startOrdinal), pending: newPending(action.start) };
    case "cut": {
      const closed = listTake(closePending(state, ordinal).closed, action.length);
      return { ...state, closed, pending: null, nextItem: countItems(closed) + 1 };
    }
  }
}

function closePending(state: TurnsState, endOrdinal: number): TurnsState {
  const { pending } = state;
  if (pending === null) return state;
  const entry = { turn: asTurn(pending), startOrdinal: pending.startOrdinal, endOrdinal };
  return { ...state, pending: null, closed: listAppend(state.closed, entry) };
}

function countItems(closed: AppendList<TurnEntry>): number {
  let count = 0;
  for (let index = 0; index < closed.length; index += 1) {
    count += closed.backing[index]?.turn.items.length ?? 0;
  }
  return count;
}

function inPending(state: TurnsState, change: (turn: PendingTurn) => PendingTurn): TurnsState {
  return state.pending === null ? state : { ...state, pending: change(state.pending) };
}

function applyEvent(state: TurnsState, event: EventMsg, action: TurnAction): TurnsState {
  switch (event.type) {
    case "task_started":
    case "turn_started":
      return inPending(state, (turn) => ({ ...turn, startedAt: numberOrNull(event["started_at"]) }));
    case "user_message":
      return pushItem(state, (id) => userMessageItem(id, event));
    case "agent_message":
      return event["message"] === "" ? state : pushItem(state, (id) => agentMessageItem(id, event));
    case "agent_reasoning":
      return pushReasoning(state, String(event["text"]), "summary");
    case "agent_reasoning_raw_content":
      return pushReasoning(state, String(event["text"]), "content");
    case "context_compacted":
      return pushItem(state, (id) => ({ type: "contextCompaction", id }));
    case "entered_review_mode":
      return pushItem(state, (id) => enteredReviewItem(id, event));
    case "exited_review_mode":
      return pushItem(state, (id) => exitedReviewItem(id, event));
    case "error":
      return applyError(state, event);
    case "turn_aborted":
      return applyAbort(state, event);
    case "task_complete":
    case "turn_complete":
      return action.type === "close" ? state : applyComplete(state, event);
    default:
      return upsertIdentified(state, event);
  }
}

function pushItem(state: TurnsState, make: (id: string) => ThreadItem): TurnsState {
  const item = make(`item-${state.nextItem}`);
  const pushed = inPending(state, (turn) => appendItem(turn, item));
  return { ...pushed, nextItem: state.nextItem + 1 };
}

function pushReasoning(state: TurnsState, text: string, part: "summary" | "content"): TurnsState {
  if (text === "" || state.pending === null) return state;
  const extended = extendReasoning(state.pending, text, part);
  if (extended !== null) return { ...state, pending: extended };
  const parts = { summary: [], content: [], [part]: [text] };
  return pushItem(state, (id) => ({ type: "reasoning", id, ...parts }));
}

/** An item with its own id replaces the one with that id, in the turn it names or the current one. */
function upsertIdentified(state: TurnsState, event: EventMsg): TurnsState {
  const item = identifiedItem(event);
  if (item === null) return state;
  const turnId = event["turn_id"];
  const namesTurn = event.type === "patch_apply_end" || event.type === "item_completed";
  if (!namesTurn || typeof turnId !== "string" || (turnId === "" && event.type === "patch_apply_end")) {
    return inPending(state, (turn) => upsertItem(turn, item));
  }
  if (state.pending?.id === turnId) return inPending(state, (turn) => upsertItem(turn, item));
  return changeClosed(state, turnId, (turn) => {
    const index = turn.items.findIndex((existing) => existing.id === item.id);
    const items = index < 0 ? [...turn.items, item] : turn.items.with(index, item);
    return { ...turn, items };
  });
}

function changeClosed(state: TurnsState, turnId: string, change: (turn: Turn) => Turn): TurnsState {
  const index = listFind(state.closed, (entry) => entry.turn.id === turnId);
  const entry = listAt(state.closed, index);
  if (entry === undefined) return state;
  return { ...state, closed: listWith(state.closed, index, { ...entry, turn: change(entry.turn) }) };
}

function applyError(state: TurnsState, event: EventMsg): TurnsState {
  const error = turnErrorOf(event);
  if (error === null) return state;
  return inPending(state, (turn) => ({ ...turn, status: "failed", error }));
}

type Ended = Pick<Turn, "status" | "completedAt" | "durationMs">;

function applyAbort(state: TurnsState, event: EventMsg): TurnsState {
  const ended: Ended = {
    status: "interrupted",
    completedAt: numberOrNull(event["completed_at"]),
    durationMs: numberOrNull(event["duration_ms"]),
  };
  const turnId = event["turn_id"];
  const isElsewhere =
    typeof turnId === "string" &&
    state.pending?.id !== turnId &&
    listFind(state.closed, (entry) => entry.turn.id === turnId) >= 0;
  return isElsewhere
    ? changeClosed(state, turnId, (turn) => ({ ...turn, ...ended }))
    : inPending(state, (turn) => ({ ...turn, ...ended }));
}

/** Sets the outcome of the turn an end names: the current one when it is closed by it, else an earlier one. */
function applyComplete(state: TurnsState, event: EventMsg): TurnsState {
  const times = {
    completedAt: numberOrNull(event["completed_at"]),
    durationMs: numberOrNull(event["duration_ms"]),
  };
  const turnId = event["turn_id"];
  const isElsewhere =
    typeof turnId === "string" &&
    state.pending?.id !== turnId &&
    listFind(state.closed, (entry) => entry.turn.id === turnId) >= 0;
  return isElsewhere
    ? changeClosed(state, turnId, (turn) => ({ ...turn, ...times, status: completed(turn.status) }))
    : inPending(state, (turn) => ({ ...turn, ...times, status: completed(turn.status) }));
}

function completed(status: Turn["status"]): Turn["status"] {
  return status === "inProgress" ? "completed" : status;
}

/** How a state is shown. */
export interface TurnsView {
  /** The thread is loaded and may be running. Else a turn without an end is shown as interrupted. */
  readonly live: boolean;
}

/** The turns, oldest first, with all their items. */
export function turnsOf(state: TurnsState, view: TurnsView): readonly Turn[] {
  return turnEntriesOf(state, view).map((entry) => entry.turn);
}

/** The turns with their places in the log, oldest first. */
export function turnEntriesOf(state: TurnsState, view: TurnsView): readonly TurnEntry[] {
  const entries = listValues(state.closed);
  const { pending } = state;
  if (pending !== null) {
    const endOrdinal = state.track.nextOrdinal;
    entries.push({ turn: asTurn(pending), startOrdinal: pending.startOrdinal, endOrdinal });
  }
  return view.live ? entries : entries.map(settled);
}

function settled(entry: TurnEntry): TurnEntry {
  if (entry.turn.status !== "inProgress") return entry;
  return { ...entry, turn: { ...entry.turn, status: "interrupted", completedAt: null } };
}

/** Id of the turn that is open and has a start event but no end, or null. */
export function activeTurnIdOf(state: TurnsState): string | null {
  return state.pending?.status === "inProgress" ? state.pending.id : null;
}

/**
 * Whether ids of implicit turns may be wrong, because lines were skipped on the word of their heads. The
 * answer to it is to fold the log again with every line parsed.
 */
export function needsStrictReplay(state: TurnsState): boolean {
  const { track } = state;
  return track.isUnverified && listFind(track.starts, (start) => !start.isExplicit) >= 0;
}
