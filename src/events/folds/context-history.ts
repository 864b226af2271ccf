/**
 * The model's history as the context fold keeps it: what was said since the last compaction, on top of
 * the history that compaction replaced. Nothing is thrown away, so that a rollback which reaches before
 * a compaction finds what was there (Codex loses it).
 *
 * A History is a value: older ones stay as they are while newer ones grow from them.
 */
import { type AppendList, emptyList, listAppend, listOf, listTake, listValues } from "../append-list.ts";
import type { Compacted, ResponseItem } from "../rollout-item.ts";
import { isTurnContext, isUserTurnMessage, messageText } from "./user-turn.ts";

/** A stretch of history between two compactions. */
export interface Epoch {
  /** What the compaction left; empty in the first epoch. */
  readonly base: readonly ResponseItem[];
  /** The history that was replaced; null in the first epoch. */
  readonly before: History | null;
  /** It stands on history that was not read: what the model saw then is not known here. */
  readonly isUnread?: true;
}

export interface History {
  readonly epoch: Epoch;
  readonly items: AppendList<ResponseItem>;
  /** Indexes in `items` where a user turn begins. */
  readonly userTurns: AppendList<number>;
}

/** A history with nothing in it. */
export function emptyHistory(): History {
  return { epoch: { base: [], before: null }, items: emptyList(), userTurns: emptyList() };
}

/** A history whose beginning stands in a part of the log that was not read. */
export function unreadHistory(): History {
  return { ...emptyHistory(), epoch: { base: [], before: null, isUnread: true } };
}

/** The history with one more item, which may begin a user turn. */
export function historyAppend(history: History, item: ResponseItem, beginsTurn: boolean): History {
  const { epoch, items, userTurns } = history;
  return {
    epoch,
    items: listAppend(items, item),
    userTurns: beginsTurn ? listAppend(userTurns, items.length) : userTurns,
  };
}

/** The history that a compaction leaves. */
export function historyCompact(history: History, compacted: Compacted): History {
  const { replacement_history } = compacted;
  const base = replacement_history ?? rebuiltBase(history, compacted.message);
  const epoch: Epoch = { base, before: history };
  // One that is rebuilt from what was not read is no better known.
  const isUnread = history.epoch.isUnread === true && (replacement_history ?? null) === null;
  return { epoch: isUnread ? { ...epoch, isUnread } : epoch, items: emptyList(), userTurns: emptyList() };
}

/** The items the model sees, oldest first. */
export function historyItems(history: History): readonly ResponseItem[] {
  return [...history.epoch.base, ...listValues(history.items)];
}

/**
 * The history without its last user turns, and without the context that only prepared the first of
 * them. More than there are: what stood before the first user turn stays.
 */
export function dropUserTurns(history: History, count: number): History {
  if (count <= 0) return history;
  const { epoch, items, userTurns } = history;
  const kept = userTurns.length - count;
  if (kept >= 0 || epoch.before === null) {
    const first = userTurns.backing[0];
    const cut = kept >= 0 ? userTurns.backing[kept] : first;
    if (cut === undefined || userTurns.length === 0) return history;
    // The very first turn's preparation (instructions, environment) is the thread's own and stays.
    const floor = epoch.before === null ? (first ?? 0) : 0;
    return cutItems(history, skipContext(items, cut, floor), Math.max(0, kept));
  }
  return dropUserTurns(epoch.before, -kept);
}

function skipContext(items: AppendList<ResponseItem>, cut: number, floor: number): number {
  let at = cut;
  while (at > floor) {
    const item = items.backing[at - 1];
    if (item === undefined || !isTurnContext(item)) break;
    at -= 1;
  }
  return at;
}

function cutItems(history: History, length: number, turns: number): History {
  return {
    epoch: history.epoch,
    items: listTake(history.items, length),
    userTurns: listTake(history.userTurns, turns),
  };
}

/** Codex's bound on the user messages a legacy compaction keeps: 20,000 tokens of some four bytes. */
const LEGACY_CHARS_MAX = 80_000;
const SUMMARY_PREFIX = "Another language model started to solve this problem";
const NO_SUMMARY = "(no summary available)";

/** What an old compaction leaves that did not record it: the user's messages, newest first in doubt, and the summary. */
function rebuiltBase(history: History, message: string): readonly ResponseItem[] {
  const texts = historyItems(history)
    .filter(isUserTurnMessage)
    .map(messageText)
    .filter((text) => !text.startsWith(SUMMARY_PREFIX));
  const kept: string[] = [];
  let chars = 0;
  for (const text of texts.toReversed()) {
    chars += text.length;
    if (chars > LEGACY_CHARS_MAX) break;
    kept.push(text);
  }
  const summary = message === "" ? NO_SUMMARY : message;
  return [...kept.toReversed(), summary].map((text) => ({
    type: "message",
    role: "user",
    content: [{ type: "input_text", text }],
  }));
}

/** Whether `earlier` is where `later` once was: what follows it was added, nothing was dropped. */
export function isPrefix(earlier: History, later: History): boolean {
  let at: History | null = later;
  while (at !== null && at.epoch !== earlier.epoch) at = at.epoch.before;
  return at !== null && earlier.items.length <= at.items.length;
}

/** A history as plain JSON: its epochs, oldest first. */
export type SavedHistory = readonly {
  readonly base: readonly ResponseItem[];
  readonly items: readonly ResponseItem[];
  readonly userTurns: readonly number[];
  readonly isUnread?: true;
}[];

/** A place in a history: which epoch, and how many items and user turns of it. */
export type SavedPlace = readonly [epoch: number, items: number, userTurns: number];

/** The histories of the epochs, oldest first, each as it was when it was replaced. */
export function historyChain(history: History): readonly History[] {
  const chain: History[] = [];
  for (let at: History | null = history; at !== null; at = at.epoch.before) chain.push(at);
  return chain.toReversed();
}

/** Saves a history. */
export function saveHistory(history: History): SavedHistory {
  return historyChain(history).map(({ epoch, items, userTurns }) => ({
    base: epoch.base,
    items: listValues(items),
    userTurns: listValues(userTurns),
    ...(epoch.isUnread === true ? { isUnread: true } : {}),
  }));
}

/** Loads a saved history. */
export function loadHistory(saved: SavedHistory): History {
  let history: History | null = null;
  for (const { base, items, userTurns, ...unread } of saved) {
    history = { epoch: { base, before: history, ...unread }, items: listOf(items), userTurns: listOf(userTurns) };
  }
  return history ?? emptyHistory();
}

/** Where a prefix of the chain ends. */
export function savePlace(chain: readonly History[], place: History): SavedPlace {
  const epoch = chain.findIndex((history) => history.epoch === place.epoch);
  return [epoch, place.items.length, place.userTurns.length];
}

/** The prefix of the chain at a place. */
export function loadPlace(chain: readonly History[], place: SavedPlace): History {
  const history = chain[place[0]];
  return history === undefined ? emptyHistory() : cutItems(history, place[1], place[2]);
}
