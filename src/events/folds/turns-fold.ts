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
import type { EventMsg, ResponseItem, RolloutRecord } from "../rollout-item.ts";
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
  /** Items it has beyond `turn.items`: their number is known and they were not kept (see turns-window.ts). */
  readonly hiddenItems?: number;
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

/** The state a step is making: its own until it is answered, so it may be written to. */
type Draft = { -readonly [Name in keyof TurnsState]: TurnsState[Name] };

function step(state: TurnsState, record: RolloutRecord): TurnsState {
  const { track, action } = trackRecord(state.track, record);
  const { closed, pending, nextItem } = state;
  const draft: Draft = { track, closed, pending, nextItem };
  const { item, ordinal } = record;
  // An end says how its turn ended before that is closed; everything else happens in the turn it opened.
  if (action.type === "close" && item.type === "event_msg") applyComplete(draft, item.payload);
  move(draft, action, ordinal);
  if (item.type === "event_msg") {
    if (action.type !== "close") applyEvent(draft, item.payload);
  } else if (item.type === "response_item") {
    pushHookPrompt(draft, item.payload, ordinal);
  }
  return draft;
}

/** Opens, closes and drops turns as the track did. */
function move(draft: Draft, action: TurnAction, ordinal: number): void {
  switch (action.type) {
    case "none":
      return;
    case "close":
      closePending(draft, ordinal + 1);
      return;
    case "open":
      closePending(draft, action.start.startOrdinal);
      draft.pending = newPending(action.start);
      return;
    case "cut":
      closePending(draft, ordinal);
      draft.closed = listTake(draft.closed, action.length);
      draft.nextItem = countItems(draft.closed) + 1;
  }
}

function closePending(draft: Draft, endOrdinal: number): void {
  const { pending } = draft;
  if (pending === null) return;
  draft.closed = listAppend(draft.closed, {
    turn: asTurn(pending),
    startOrdinal: pending.startOrdinal,
    endOrdinal,
  });
  draft.pending = null;
}

function countItems(closed: AppendList<TurnEntry>): number {
  return listValues(closed).reduce((count, entry) => count + itemCountOf(entry), 0);
}

/** How many items a turn has, kept or not. */
export function itemCountOf({ turn, hiddenItems = 0 }: TurnEntry): number {
  return turn.items.length + hiddenItems;
}

function changePending(draft: Draft, change: Partial<PendingTurn>): void {
  if (draft.pending !== null) draft.pending = { ...draft.pending, ...change };
}

function applyEvent(draft: Draft, event: EventMsg): void {
  switch (event.type) {
    case "task_started":
    case "turn_started":
      return changePending(draft, { startedAt: numberOrNull(event["started_at"]) });
    case "user_message":
      return pushItem(draft, userMessageItem(nextId(draft), event));
    case "agent_message":
      return event["message"] === "" ? undefined : pushItem(draft, agentMessageItem(nextId(draft), event));
    case "agent_reasoning":
      return pushReasoning(draft, String(event["text"]), "summary");
    case "agent_reasoning_raw_content":
      return pushReasoning(draft, String(event["text"]), "content");
    case "context_compacted":
      return pushItem(draft, { type: "contextCompaction", id: nextId(draft) });
    case "entered_review_mode":
      return pushItem(draft, enteredReviewItem(nextId(draft), event));
    case "exited_review_mode":
      return pushItem(draft, exitedReviewItem(nextId(draft), event));
    case "error":
      return applyError(draft, event);
    case "turn_aborted":
      return applyAbort(draft, event);
    case "task_complete":
    case "turn_complete":
      return applyComplete(draft, event);
    default:
      return upsertIdentified(draft, event);
  }
}

function nextId(draft: Draft): string {
  const id = `item-${draft.nextItem}`;
  draft.nextItem += 1;
  return id;
}

/** An item that goes where the track says the turn is: it has opened one if there was none. */
function pushItem(draft: Draft, item: ThreadItem): void {
  if (draft.pending !== null) draft.pending = appendItem(draft.pending, item);
}

function pushReasoning(draft: Draft, text: string, part: "summary" | "content"): void {
  if (text === "" || draft.pending === null) return;
  const extended = extendReasoning(draft.pending, text, part);
  if (extended !== null) {
    draft.pending = extended;
    return;
  }
  const id = nextId(draft);
  pushItem(
    draft,
    part === "summary"
      ? { type: "reasoning", id, summary: [text], content: [] }
      : { type: "reasoning", id, summary: [], content: [text] },
  );
}

function pushHookPrompt(draft: Draft, payload: ResponseItem, ordinal: number): void {
  const fragments = hookPromptOf(payload);
  if (fragments === null) return;
  const own = payload["id"];
  const id = typeof own === "string" ? own : `hook-${ordinal}`;
  pushItem(draft, { type: "hookPrompt", id, fragments });
}

/** An item with its own id replaces the one with that id, in the turn it names or the current one. */
function upsertIdentified(draft: Draft, event: EventMsg): void {
  const item = identifiedItem(event);
  if (item === null) return;
  const turnId = event["turn_id"];
  const isPlan = event.type === "item_completed";
  const namesTurn = typeof turnId === "string" && (isPlan || (event.type === "patch_apply_end" && turnId !== ""));
  if (!namesTurn || draft.pending?.id === turnId) {
    if (draft.pending !== null) draft.pending = upsertItem(draft.pending, item);
    return;
  }
  changeClosed(draft, turnId, (turn) => {
    const index = turn.items.findIndex((existing) => existing.id === item.id);
    return { items: index < 0 ? [...turn.items, item] : turn.items.with(index, item) };
  });
}

/** Changes the first closed turn with this id; false when there is none. */
function changeClosed(draft: Draft, turnId: string, change: (turn: Turn) => Partial<Turn>): boolean {
  const index = listFind(draft.closed, (entry) => entry.turn.id === turnId);
  const entry = listAt(draft.closed, index);
  if (entry === undefined) return false;
  const turn = { ...entry.turn, ...change(entry.turn) };
  draft.closed = listWith(draft.closed, index, { ...entry, turn });
  return true;
}

function applyError(draft: Draft, event: EventMsg): void {
  const error = turnErrorOf(event);
  if (error !== null) changePending(draft, { status: "failed", error });
}

function applyAbort(draft: Draft, event: EventMsg): void {
  const ended = { ...endTimes(event), status: "interrupted" } as const;
  applyEnd(draft, event["turn_id"], () => ended);
}

function applyComplete(draft: Draft, event: EventMsg): void {
  const times = endTimes(event);
  // A turn that failed or was interrupted stays so; only the times are overwritten.
  applyEnd(draft, event["turn_id"], ({ status }) => ({
    ...times,
    status: status === "inProgress" ? "completed" : status,
  }));
}

type Ended = Pick<Turn, "status" | "completedAt" | "durationMs">;

function endTimes(event: EventMsg): Omit<Ended, "status"> {
  return {
    completedAt: numberOrNull(event["completed_at"]),
    durationMs: numberOrNull(event["duration_ms"]),
  };
}

/** Ends the turn with this id: the current one, else a closed one, else the current one whatever its id. */
function applyEnd(draft: Draft, turnId: unknown, end: (turn: { readonly status: Turn["status"] }) => Ended): void {
  const { pending } = draft;
  const isElsewhere = typeof turnId === "string" && pending?.id !== turnId;
  if (isElsewhere && changeClosed(draft, turnId, end)) return;
  if (pending !== null) draft.pending = { ...pending, ...end(pending) };
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
