/**
 * The model context fold: the items the model would see now. Response items in order, replaced by a
 * compaction, shortened by rollbacks.
 *
 * A rollback by count drops that many *user turns* here, while the turns fold drops displayed turns: a
 * turn of a shell command or a compaction is none. Messages steered into a turn belong to it. A rollback
 * that names its turn (`before_turn_id`) cuts exactly there. Either may reach before a compaction, and
 * then brings back the history that was replaced.
 */
import { type AppendList, emptyList, listAppend, listAt, listOf, listTake, listValues } from "../append-list.ts";
import type { Fold, SkippedRun } from "../fold.ts";
import type { ResponseItem, RolloutRecord } from "../rollout-item.ts";
import {
  dropUserTurns,
  emptyHistory,
  type History,
  historyAppend,
  historyChain,
  historyCompact,
  historyItems,
  isPrefix,
  loadHistory,
  loadPlace,
  type SavedHistory,
  type SavedPlace,
  saveHistory,
  savePlace,
  unreadHistory,
} from "./context-history.ts";
import { TRACK_EVENT_KINDS } from "./track-needs.ts";
import {
  emptyTrack,
  loadTrack,
  type SavedTrack,
  saveTrack,
  trackRecord,
  trackSkipped,
  type TurnTrack,
} from "./turn-track.ts";
import { type TurnsPlace, turnsStateAt } from "./turns-window.ts";
import { isUserTurnMessage } from "./user-turn.ts";

/** State of the fold; read it with `modelContextOf`. */
export interface ModelContextState {
  readonly track: TurnTrack;
  readonly history: History;
  /** The history where each turn of the track began. */
  readonly begins: AppendList<History>;
  /** The history where the input began that no turn has taken yet. */
  readonly inputBegin: History | null;
  /** The current explicit turn has its user message: more of them are steering. */
  readonly hasUserMessage: boolean;
}

/** A saved state: plain JSON. */
export interface SavedModelContext {
  readonly track: SavedTrack;
  readonly history: SavedHistory;
  readonly begins: readonly SavedPlace[];
  readonly inputBegin: SavedPlace | null;
  readonly hasUserMessage: boolean;
}

/** The fold; see the file's head. */
export const modelContextFold: Fold<ModelContextState, SavedModelContext> = Object.freeze({
  name: "model_context",
  version: 1,
  needs: {
    types: new Set(["response_item", "compacted"]),
    eventKinds: new Set(TRACK_EVENT_KINDS),
  },
  initial: (): ModelContextState => ({
    track: emptyTrack(),
    history: emptyHistory(),
    begins: emptyList(),
    inputBegin: null,
    hasUserMessage: false,
  }),
  step,
  skip: (state: ModelContextState, run: SkippedRun): ModelContextState =>
    withInputBegin({ ...state, track: trackSkipped(state.track, run) }, state),
  save,
  load,
});

function step(state: ModelContextState, record: RolloutRecord): ModelContextState {
  const { track, action } = trackRecord(state.track, record);
  let next: ModelContextState = { ...state, track };
  if (action.type === "open") {
    // A turn begins with this record, or with the input that stands before it.
    const isHere = action.start.startOrdinal === record.ordinal;
    const begin = isHere ? state.history : (state.inputBegin ?? state.history);
    next = { ...next, begins: listAppend(state.begins, begin), hasUserMessage: false };
  } else if (action.type === "close") {
    next = { ...next, hasUserMessage: false };
  } else if (action.type === "cut") {
    next = rollBack(next, record, action);
  }
  return withInputBegin(applyItem(next, record), state);
}

/** Remembers where input begins, as the track does. */
function withInputBegin(next: ModelContextState, before: ModelContextState): ModelContextState {
  if (next.track.inputFrom === before.track.inputFrom) return next;
  return { ...next, inputBegin: next.track.inputFrom === null ? null : before.history };
}

function applyItem(state: ModelContextState, { item }: RolloutRecord): ModelContextState {
  if (item.type === "compacted") {
    return { ...state, history: historyCompact(state.history, item.payload) };
  }
  if (item.type !== "response_item" || !isForModel(item.payload)) return state;
  const isUser = isUserTurnMessage(item.payload);
  const isInTurn = state.track.open === "explicit";
  const beginsTurn = isUser && !(isInTurn && state.hasUserMessage);
  return {
    ...state,
    history: historyAppend(state.history, item.payload, beginsTurn),
    hasUserMessage: isInTurn && (state.hasUserMessage || isUser),
  };
}

/** A ghost snapshot stands among the response items of old files; no model ever sees it. */
function isForModel(item: ResponseItem): boolean {
  return item.type !== "ghost_snapshot";
}

function rollBack(
  state: ModelContextState,
  { item }: RolloutRecord,
  cut: { readonly length: number; readonly isNamed: boolean },
): ModelContextState {
  const count = item.type === "event_msg" ? item.payload["num_turns"] : 0;
  const named = cut.isNamed ? listAt(state.begins, cut.length) : undefined;
  const history = named ?? dropUserTurns(state.history, typeof count === "number" ? count : 0);
  // A turn that is still shown may have begun behind the cut; what was dropped must not come back with it.
  const begins = listValues(listTake(state.begins, cut.length)).map((begin) =>
    isPrefix(begin, history) ? begin : history,
  );
  return { ...state, history, begins: listOf(begins), hasUserMessage: false };
}

function save(state: ModelContextState): SavedModelContext {
  const chain = historyChain(state.history);
  return {
    track: saveTrack(state.track),
    history: saveHistory(state.history),
    begins: listValues(state.begins).map((begin) => savePlace(chain, begin)),
    inputBegin: state.inputBegin === null ? null : savePlace(chain, state.inputBegin),
    hasUserMessage: state.hasUserMessage,
  };
}

function load(saved: SavedModelContext): ModelContextState {
  const history = loadHistory(saved.history);
  const chain = historyChain(history);
  return {
    track: loadTrack(saved.track),
    history,
    begins: listOf(saved.begins.map((place) => loadPlace(chain, place))),
    inputBegin: saved.inputBegin === null ? null : loadPlace(chain, saved.inputBegin),
    hasUserMessage: saved.hasUserMessage,
  };
}

/**
 * The state at a place inside the log, nothing read of what stands before it. It goes on as one that saw
 * every record, but for what the model saw there: `isContextRead` says whether that matters now.
 */
export function modelContextStateAt(place: TurnsPlace): ModelContextState {
  const { track } = turnsStateAt(place);
  const history = unreadHistory();
  const begins = listOf(place.entries.map(() => history));
  return { track, history, begins, inputBegin: null, hasUserMessage: false };
}

/** Whether all that the model would see was read. Not so at a place, from the first recorded compaction behind it on. */
export function isContextRead({ history }: ModelContextState): boolean {
  return history.epoch.isUnread !== true;
}

/** The items the model would see, oldest first. */
export function modelContextOf(state: ModelContextState): readonly ResponseItem[] {
  return historyItems(state.history);
}
