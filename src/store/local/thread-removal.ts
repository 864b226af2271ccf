/**
 * What archiving, unarchiving and deleting look at first, and the removal itself. Called with the
 * thread's lock held.
 */
import { dirname } from "node:path";

import { rejection } from "../../base/index.ts";
import type { RolloutEntry } from "./home-walk.ts";
import type { LocalContext } from "./local-context.ts";
import { writerClosed } from "../writer-faults.ts";

/** The thread's file, which must not be archived. `thread_archived`, `thread_not_found`. */
export async function requireLive({ lookup }: LocalContext, threadId: string): Promise<RolloutEntry> {
  const entry = await lookup.require(threadId);
  if (!entry.archived) return entry;
  throw rejection("thread_archived", `thread ${threadId} is archived already`, { threadId });
}

/** The thread's file, which must be archived. `thread_not_archived`, `thread_not_found`. */
export async function requireArchived({ lookup }: LocalContext, threadId: string): Promise<RolloutEntry> {
  const entry = await lookup.require(threadId);
  if (entry.archived) return entry;
  throw rejection("thread_not_archived", `thread ${threadId} is not archived`, { threadId });
}

/** Removes every file that holds the thread, and its name. An open writer is closed first. */
export async function removeThread(context: LocalContext, threadId: string): Promise<void> {
  const { files, isSynced, lookup, index, rows, writers } = context;
  const writer = writers.get(threadId);
  if (writer !== undefined) await writers.release(writer, writerClosed(threadId, "the thread was deleted"));
  const name = (await index.names()).get(threadId);
  const folders = new Set<string>();
  for (const { path } of await lookup.findAll(threadId)) {
    await files.unlink(path);
    folders.add(dirname(path));
  }
  lookup.forget(threadId);
  rows?.removed(threadId);
  if (isSynced) for (const folder of folders) await files.syncDirectory(folder);
  if (name !== undefined && name !== null) {
    await index.setName(threadId, null);
    rows?.named(threadId, null);
  }
}
