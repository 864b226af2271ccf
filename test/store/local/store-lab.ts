/**
 * What the local store's tests do over and over: a home of their own, items, whole logs, raw files. The
 * homes are removed when the test that made them is done.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

import { isSkeinError, type SkeinError } from "../../../src/base/index.ts";
import type { AppendableItem, RolloutRecord } from "../../../src/events/index.ts";
import type { OpenedThread, ThreadStore } from "../../../src/store/index.ts";
import {
  type LocalThreadStore,
  type LocalThreadStoreOptions,
  openLocalThreadStore,
} from "../../../src/store/local/index.ts";

/** A home that Codex 0.130 wrote. */
export const CODEX_HOME = fileURLToPath(new URL("../../fixtures/codex-0.130/home", import.meta.url));

/** An empty folder, removed after the test. */
export async function makeHome(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), "skein-local-"));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return home;
}

/** A copy of the home that Codex wrote. */
export async function copyCodexHome(): Promise<string> {
  const home = await makeHome();
  await cp(CODEX_HOME, home, { recursive: true });
  return home;
}

/** A store, closed after the test. */
export async function openStore(
  home: string,
  options: Omit<LocalThreadStoreOptions, "home"> = {},
): Promise<LocalThreadStore> {
  const store = await openLocalThreadStore({ home, ...options });
  onTestFinished(() => store.close().catch(() => undefined));
  return store;
}

export function message(text: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message: text } };
}

export function messages(count: number, stem = "m"): AppendableItem[] {
  return Array.from({ length: count }, (_, n) => message(`${stem}${n}`));
}

/** A thread with some messages, its writer open. */
export async function seed(
  store: ThreadStore,
  items: readonly AppendableItem[] = [message("hello")],
): Promise<OpenedThread & { readonly id: string; readonly file: string }> {
  const opened = await store.createThread({ metadata: { cwd: "/work" } });
  if (items.length === 0) await store.persistThread(opened.writer);
  else await store.appendItems({ writer: opened.writer, items });
  return { ...opened, id: opened.writer.threadId, file: opened.path ?? "" };
}

/** All records of a thread. */
export async function logOf(store: ThreadStore, threadId: string): Promise<readonly RolloutRecord[]> {
  return (await store.readThread({ threadId, includeHistory: true })).history ?? [];
}

/** The messages of a thread's log, in order. */
export async function textsOf(store: ThreadStore, threadId: string): Promise<string[]> {
  return (await logOf(store, threadId)).flatMap(({ item }) =>
    item.type === "event_msg" && typeof item.payload["message"] === "string" ? [item.payload["message"]] : [],
  );
}

/** The ids of all threads, live and archived. */
export async function idsOf(store: ThreadStore): Promise<string[]> {
  const pages = await Promise.all([false, true].map((archived) => store.listThreads({ archived, limit: 1_000 })));
  return pages.flatMap((page) => page.data.map((thread) => thread.id));
}

/** The error a call is refused with. */
export async function refusal(call: Promise<unknown>): Promise<SkeinError> {
  try {
    await call;
  } catch (error) {
    if (isSkeinError(error)) return error;
    throw error;
  }
  throw new Error("the call was not refused");
}

/** All that an async iterable gives. */
export async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const collected: Value[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}
