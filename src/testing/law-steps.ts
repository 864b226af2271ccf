/**
 * What the laws do with a store over and over: make threads with something in them, read a log to its end, and see
 * that a call is refused with the right code.
 */
import { fail, ok } from "node:assert/strict";

import { type ErrorCode, isSkeinError, type SkeinError } from "../base/index.ts";
import type { AppendableItem, RolloutRecord } from "../events/index.ts";
import type { NewThreadMetadata, OpenedThread, StoredThread, ThreadStore } from "../store/index.ts";

/** Metadata that says only what it must. */
export const plainMetadata: NewThreadMetadata = Object.freeze({ cwd: "/work/place" });

/** A user's message as an event. */
export function userMessage(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message } };
}

/** The model's message as an event. */
export function agentMessage(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "agent_message", message } };
}

/** Creates a thread and appends `items` (default: one user message) in one batch; its writer stays open. */
export async function seedThread(
  store: ThreadStore,
  items: readonly AppendableItem[] = [userMessage("hello")],
  metadata: Partial<NewThreadMetadata> = {},
): Promise<OpenedThread & { readonly id: string }> {
  const opened = await store.createThread({ metadata: { ...plainMetadata, ...metadata } });
  if (items.length === 0) await store.persistThread(opened.writer);
  else await store.appendItems({ writer: opened.writer, items });
  return { ...opened, id: opened.writer.threadId };
}

/** The whole log of a thread, read in pages of `limit` from ordinal `from`. */
export async function readLog(
  store: ThreadStore,
  threadId: string,
  page: { readonly from?: number; readonly limit?: number } = {},
): Promise<readonly RolloutRecord[]> {
  const records: RolloutRecord[] = [];
  let from = page.from ?? 0;
  let hint: string | undefined;
  for (;;) {
    const { limit } = page;
    const answer = await store.loadHistory({
      threadId,
      from,
      ...(limit === undefined ? {} : { limit }),
      ...(hint === undefined ? {} : { hint }),
    });
    if (limit !== undefined) ok(answer.records.length <= limit, "a page is longer than asked for");
    records.push(...answer.records);
    if (answer.isEnd) return records;
    ok(answer.nextOrdinal > from, "a page that is not the last one does not move on");
    from = answer.nextOrdinal;
    hint = answer.hint;
  }
}

/** The items of a thread's log, its own session_meta left out. */
export async function readItems(store: ThreadStore, threadId: string): Promise<readonly unknown[]> {
  const records = await readLog(store, threadId, { from: 1 });
  return records.map((record) => record.item);
}

/** Every thread of both lists, live ones first. */
export async function readAllThreads(store: ThreadStore): Promise<readonly StoredThread[]> {
  const threads: StoredThread[] = [];
  for (const archived of [false, true]) {
    let cursor: string | undefined;
    do {
      const page = await store.listThreads({
        archived,
        limit: 100,
        ...(cursor === undefined ? {} : { cursor }),
      });
      threads.push(...page.data);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
  return threads;
}

/**
 * A call that is waited for later. When it fails before that, the failure is the one who waits then has, and no error
 * that nobody heard of, which would end the process.
 */
export function underWay<Value>(call: Promise<Value>): Promise<Value> {
  call.catch(heardLater);
  return call;
}

function heardLater(): void {}

/** Checks that a call is refused with one of these codes, and gives the error. */
export async function refused(
  call: Promise<unknown>,
  ...codes: readonly [ErrorCode, ...ErrorCode[]]
): Promise<SkeinError> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    ok(codes.includes(error.code), `refused with ${error.code}, not ${codes.join(" or ")}: ${error.message}`);
    return error;
  }
  return fail(`not refused with ${codes.join(" or ")}; answered ${JSON.stringify(answer)}`);
}
