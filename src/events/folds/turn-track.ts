/**
 * Where turns begin and end in a log, by the rules of docs/CODEX.md, without their items.
 * The turns fold, the model context and the token usage all follow the same track, so that they can't
 * disagree about which turn a record belongs to.
 *
 * Invariants
 *   T1  `starts` holds every turn that stands, oldest first; when a turn is open it is the last one.
 *   T2  A turn opened by a start event is kept even when it stays empty; an implicit one always holds
 *       an item or a compaction, because that is what opens it.
 */
import {
  type AppendList,
  emptyList,
  listAppend,
  listAt,
  listFind,
  listFindLast,
  listOf,
  listTake,
  listValues,
} from "../append-list.ts";
import type { SkippedRun } from "../fold.ts";
import type { EventMsg, ResponseItem, RolloutRecord } from "../rollout-item.ts";
import { isIndexed } from "../turn-index.ts";
import { hookPromptOf } from "./hook-prompt.ts";

/** Where a turn begins. */
export interface TurnStart {
  readonly id: string;
  /** It began with a start event, which named it. */
  readonly isExplicit: boolean;
  /** First record that belongs to the turn: a fork before the turn ends here. */
  readonly startOrdinal: number;
}

/** `compaction`: implicit, and nothing but a compaction was seen in it yet. */
type OpenTurn = "none" | "explicit" | "implicit" | "compaction";

export interface TurnTrack {
  readonly starts: AppendList<TurnStart>;
  readonly open: OpenTurn;
  readonly nextOrdinal: number;
  /** Codex's index of the next record it counts. */
  readonly nextIndex: number;
  /** First record of input that no turn has taken yet. */
  readonly inputFrom: number | null;
  /** The heads of skipped lines were believed: `nextIndex` and `inputFrom` may be wrong. */
  readonly isUnverified: boolean;
  /** A turn was named or placed by them. */
  readonly isDoubtful: boolean;
}

/** What a record does to the row of turns. */
export type TurnAction =
  | { readonly type: "none" | "close" }
  | { readonly type: "open"; readonly start: TurnStart }
  /** The turns from this index on are gone; `isNamed`: the rollback said which is the first of them. */
  | { readonly type: "cut"; readonly length: number; readonly isNamed: boolean };

export interface TrackStep {
  readonly track: TurnTrack;
  readonly action: TurnAction;
}

const NONE: TurnAction = { type: "none" };
const CLOSE: TurnAction = { type: "close" };

/** The track of an empty log. */
export function emptyTrack(): TurnTrack {
  return {
    starts: emptyList(),
    open: "none",
    nextOrdinal: 0,
    nextIndex: 0,
    inputFrom: null,
    isUnverified: false,
    isDoubtful: false,
  };
}

/** The current turn, or undefined between turns. */
function openTurn(track: TurnTrack): TurnStart | undefined {
  return track.open === "none" ? undefined : listAt(track.starts, track.starts.length - 1);
}

/** The track behind one more record, and what the record did. */
export function trackRecord(track: TurnTrack, record: RolloutRecord): TrackStep {
  const { item, ordinal } = record;
  const next: TurnTrack = {
    starts: track.starts,
    open: track.open,
    nextOrdinal: ordinal + 1,
    nextIndex: track.nextIndex + (isIndexed(item) ? 1 : 0),
    inputFrom: track.inputFrom,
    isUnverified: track.isUnverified,
    isDoubtful: track.isDoubtful,
  };
  switch (item.type) {
    case "session_meta":
    case "unknown":
    case "unreadable":
      return { track: next, action: NONE };
    case "turn_context":
      return { track: { ...next, inputFrom: next.inputFrom ?? ordinal }, action: NONE };
    case "response_item":
      return trackResponse(next, item.payload, { ordinal, index: track.nextIndex });
    case "compacted":
      return openImplicit(next, { ordinal, index: track.nextIndex }, "compaction");
    case "event_msg":
      return trackEvent(next, item.payload, { ordinal, index: track.nextIndex });
  }
}

/** The track behind records that only heads were read of. */
export function trackSkipped(track: TurnTrack, run: SkippedRun): TurnTrack {
  return {
    ...track,
    nextOrdinal: run.to,
    nextIndex: track.nextIndex + run.counted,
    inputFrom: run.breaksInput ? run.inputFrom : (track.inputFrom ?? run.inputFrom),
    isUnverified: true,
  };
}

interface Place {
  readonly ordinal: number;
  readonly index: number;
}

/** Whether a message is input: what stands before the user's words in a turn without a start event. */
function isInputRole(role: unknown): boolean {
  return role === "user" || role === "developer" || role === "system";
}

function trackResponse(track: TurnTrack, item: ResponseItem, place: Place): TrackStep {
  if (hookPromptOf(item) !== null) return openImplicit(track, place, "implicit");
  const isInput = item.type === "message" && isInputRole(item["role"]);
  const inputFrom = isInput ? (track.inputFrom ?? place.ordinal) : null;
  return { track: { ...track, inputFrom }, action: NONE };
}

function trackEvent(track: TurnTrack, event: EventMsg, place: Place): TrackStep {
  switch (event.type) {
    case "task_started":
    case "turn_started":
      return openExplicit(track, String(event["turn_id"]), place);
    case "user_message":
      return trackUserMessage(track, place);
    case "task_complete":
    case "turn_complete":
      return trackComplete(track, String(event["turn_id"]));
    case "thread_rolled_back":
      return trackRollback(track, event);
    case "turn_aborted":
      return { track: { ...track, inputFrom: null }, action: NONE };
    default:
      return makesItem(event) ? openImplicit(track, place, "implicit") : { track, action: NONE };
  }
}

/** Whether an event makes an item in the current turn, opening one where there is none. */
function makesItem(event: EventMsg): boolean {
  switch (event.type) {
    case "agent_message":
      return event["message"] !== "";
    case "agent_reasoning":
    case "agent_reasoning_raw_content":
      return event["text"] !== "";
    case "patch_apply_end":
      return event["turn_id"] === undefined || event["turn_id"] === null || event["turn_id"] === "";
    case "context_compacted":
    case "entered_review_mode":
    case "exited_review_mode":
    case "mcp_tool_call_end":
    case "web_search_end":
    case "image_generation_end":
      return true;
    default:
      return false;
  }
}

function openExplicit(track: TurnTrack, id: string, place: Place): TrackStep {
  const start: TurnStart = { id, isExplicit: true, startOrdinal: place.ordinal };
  const starts = listAppend(track.starts, start);
  return { track: { ...track, starts, open: "explicit", inputFrom: null }, action: { type: "open", start } };
}

function trackUserMessage(track: TurnTrack, place: Place): TrackStep {
  if (track.open === "explicit") {
    return { track: track.inputFrom === null ? track : { ...track, inputFrom: null }, action: NONE };
  }
  if (track.open === "compaction") {
    return { track: { ...track, open: "implicit", inputFrom: null }, action: NONE };
  }
  const startOrdinal = track.inputFrom ?? place.ordinal;
  return openAt(track, { id: `rollout-${place.index}`, isExplicit: false, startOrdinal }, "implicit");
}

function openImplicit(track: TurnTrack, place: Place, open: "implicit" | "compaction"): TrackStep {
  if (track.open === "none") {
    const start = { id: `rollout-${place.index}`, isExplicit: false, startOrdinal: place.ordinal };
    return openAt(track, start, open);
  }
  const now = track.open === "compaction" ? open : track.open;
  if (now === track.open && track.inputFrom === null) return { track, action: NONE };
  return { track: { ...track, open: now, inputFrom: null }, action: NONE };
}

/** Opens a turn that has no start event: its id and its place come from what was counted. */
function openAt(track: TurnTrack, start: TurnStart, open: OpenTurn): TrackStep {
  const starts = listAppend(track.starts, start);
  const isDoubtful = track.isDoubtful || track.isUnverified;
  return { track: { ...track, starts, open, inputFrom: null, isDoubtful }, action: { type: "open", start } };
}

function trackComplete(track: TurnTrack, turnId: string): TrackStep {
  const after: TurnTrack = { ...track, inputFrom: null };
  const current = openTurn(track);
  if (current === undefined) return { track: after, action: NONE };
  // An end of an earlier turn leaves the current one open; an end of a turn nobody knows ends it.
  const isCurrent = current.id === turnId;
  if (!isCurrent && listFind(track.starts, (start) => start.id === turnId) >= 0) {
    return { track: after, action: NONE };
  }
  return { track: { ...after, open: "none" }, action: CLOSE };
}

const IMPLICIT_ID = /^rollout-\d+$/;

function trackRollback(track: TurnTrack, event: EventMsg): TrackStep {
  const cut = rollbackCut(track.starts, event);
  const starts = listTake(track.starts, cut.length);
  return { track: { ...track, starts, open: "none", inputFrom: null }, action: { type: "cut", ...cut } };
}

/**
 * How many turns a rollback leaves. `before_turn_id` names the first turn that goes. Ids of implicit
 * turns shift in a fork, so there the count says which one is meant.
 */
function rollbackCut(
  starts: AppendList<TurnStart>,
  event: EventMsg,
): { readonly length: number; readonly isNamed: boolean } {
  const before = event["before_turn_id"];
  const count = event["num_turns"];
  const length = Math.max(0, starts.length - (typeof count === "number" ? count : 0));
  if (typeof before !== "string") return { length, isNamed: false };
  if (IMPLICIT_ID.test(before)) return { length, isNamed: length < starts.length };
  const index = listFindLast(starts, (start) => start.id === before);
  return index < 0 ? { length, isNamed: false } : { length: index, isNamed: true };
}

/**
 * Whether ids or places of turns may be wrong, because lines were skipped on the word of their heads. The
 * answer to it is to fold the log again with every line parsed.
 */
export function needsStrictReplay(state: { readonly track: TurnTrack }): boolean {
  return state.track.isDoubtful;
}

/** A track as plain JSON. */
export interface SavedTrack extends Omit<TurnTrack, "starts"> {
  readonly starts: readonly TurnStart[];
}

/** Saves a track. */
export function saveTrack(track: TurnTrack): SavedTrack {
  return { ...track, starts: listValues(track.starts) };
}

/** Loads a saved track. */
export function loadTrack(saved: SavedTrack): TurnTrack {
  return { ...saved, starts: listOf(saved.starts) };
}
