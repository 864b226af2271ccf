/**
 * The token usage fold: what a thread has used so far, as its last token_count with info says, and
 * whose turn it was when the last token_count was written.
 */
import type { Fold, SkippedRun } from "../fold.ts";
import type { EventMsg, RolloutRecord, TokenUsage } from "../rollout-item.ts";
import type { Turn } from "../thread-view.ts";
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

/** Usage of a thread, in the file's words. */
export interface ThreadTokenUsage {
  readonly total: TokenUsage;
  /** Of the last model request. */
  readonly last: TokenUsage;
  readonly modelContextWindow: number | null;
}

/** State of the fold; read it with `tokenUsageOf` and `usageTurnIdOf`. */
export interface TokenUsageState {
  readonly track: TurnTrack;
  readonly usage: ThreadTokenUsage | null;
  /** Turn of the last token_count, with or without info; null when there was no turn yet. */
  readonly turnId: string | null;
  /** Place of that turn among the turns of then, from 0. */
  readonly turnPosition: number;
}

/** A saved state: plain JSON. */
export interface SavedTokenUsage extends Omit<TokenUsageState, "track"> {
  readonly track: SavedTrack;
}

/** The fold; see the file's head. */
export const tokenUsageFold: Fold<TokenUsageState, SavedTokenUsage> = Object.freeze({
  name: "token_usage",
  version: 1,
  needs: {
    types: new Set(["compacted"]),
    eventKinds: new Set([...TRACK_EVENT_KINDS, "token_count"]),
    hookPrompts: true,
  },
  initial: (): TokenUsageState => ({
    track: emptyTrack(),
    ...emptyUsage(),
  }),
  step: (state: TokenUsageState, record: RolloutRecord): TokenUsageState => {
    const { track } = trackRecord(state.track, record);
    const next = { ...state, track };
    const { item } = record;
    if (item.type !== "event_msg" || item.payload.type !== "token_count") return next;
    return applyTokenCount(next, item.payload);
  },
  skip: (state: TokenUsageState, run: SkippedRun): TokenUsageState => ({
    ...state,
    track: trackSkipped(state.track, run),
  }),
  save: (state: TokenUsageState): SavedTokenUsage => ({ ...state, track: saveTrack(state.track) }),
  load: (saved: SavedTokenUsage): TokenUsageState => ({ ...saved, track: loadTrack(saved.track) }),
});

function applyTokenCount(state: TokenUsageState, event: EventMsg): TokenUsageState {
  return { track: state.track, ...stepUsage(state, state.track, event) };
}

/** What the fold keeps beside the track, for who follows a track already. */
export type ToldUsage = Omit<TokenUsageState, "track">;

/** Nothing told yet. */
export function emptyUsage(): ToldUsage {
  return { usage: null, turnId: null, turnPosition: 0 };
}

/** What is known behind a token_count, in the row of turns as it stands there. */
export function stepUsage(told: ToldUsage, { starts }: TurnTrack, event: EventMsg): ToldUsage {
  const turnPosition = Math.max(0, starts.length - 1);
  const turnId = starts.length === 0 ? null : (starts.backing[turnPosition]?.id ?? null);
  return { usage: usageOf(event["info"]) ?? told.usage, turnId, turnPosition };
}

function usageOf(info: unknown): ThreadTokenUsage | null {
  if (typeof info !== "object" || info === null) return null;
  const { total_token_usage, last_token_usage, model_context_window } = info as Readonly<Record<string, unknown>>;
  const total = countsOf(total_token_usage);
  const last = countsOf(last_token_usage);
  if (total === null || last === null) return null;
  const window = typeof model_context_window === "number" ? model_context_window : null;
  return { total, last, modelContextWindow: window };
}

function countsOf(value: unknown): TokenUsage | null {
  if (typeof value !== "object" || value === null) return null;
  const counts = value as Readonly<Record<string, unknown>>;
  const count = (name: string): number => {
    const number = counts[name];
    return typeof number === "number" ? number : 0;
  };
  return {
    input_tokens: count("input_tokens"),
    cached_input_tokens: count("cached_input_tokens"),
    output_tokens: count("output_tokens"),
    reasoning_output_tokens: count("reasoning_output_tokens"),
    total_tokens: count("total_tokens"),
  };
}

/** The thread's usage, or null before the first token_count with info. */
export function tokenUsageOf(state: TokenUsageState): ThreadTokenUsage | null {
  return state.usage;
}

/**
 * The turn the usage is shown with, among the turns there are now: the one of the last token_count; when
 * that was rolled back the one in its place, else the last that ended, else the last, else "".
 */
export function usageTurnIdOf(state: TokenUsageState, turns: readonly Turn[]): string {
  const own = turns.find((turn) => turn.id === state.turnId);
  const inPlace = turns[state.turnPosition];
  const ended = turns.findLast((turn) => turn.status === "completed" || turn.status === "failed");
  return (own ?? inPlace ?? ended ?? turns.at(-1))?.id ?? "";
}
