/**
 * The one metadata write of the local store. Git and memory mode become a session_meta line, through
 * the thread's open writer or, where there is none, through one that is opened for it; a name goes to
 * the session index. Called with the thread's lock held.
 */
import { sessionMetaForPatch } from "../metadata-patch.ts";
import type { StoredThread, ThreadMetadataPatch } from "../thread-store.ts";
import { readMetadata } from "./fold-rollout.ts";
import { attempt, type LocalContext, withThread } from "./local-context.ts";
import { notARollout } from "./rollout-access.ts";
import { readHead } from "./rollout-head.ts";
import type { RolloutWriter } from "./rollout-writer.ts";
import { readThread } from "./thread-reader.ts";
import { openExisting } from "./writer-opening.ts";

/** Applies a validated patch; answers the thread as it is now. */
export async function updateMetadata(
  context: LocalContext,
  threadId: string,
  patch: ThreadMetadataPatch,
): Promise<StoredThread> {
  const { writers, index, events, rows } = context;
  const writer = writers.get(threadId);
  if (writer !== undefined && writer.newMeta !== null) await writer.materialise();
  await appendMeta(context, threadId, patch);
  if (patch.name !== undefined) {
    const { name } = patch;
    // A thread that isn't there has no name: this says so before anything is written.
    await withThread(context, threadId, () => Promise.resolve());
    await attempt("name a thread in the session index", () => index.setName(threadId, name));
    rows?.named(threadId, name);
    events.tell({ type: "name_updated", threadId, name });
  }
  return readThread(context, threadId, false);
}

async function appendMeta(context: LocalContext, threadId: string, patch: ThreadMetadataPatch): Promise<void> {
  const { files } = context;
  if (patch.git === undefined && patch.memoryMode === undefined) return;
  const item = await withThread(context, threadId, async (rollout) => {
    const head = await readHead(files, rollout);
    if (head === undefined) throw notARollout(rollout.path, "it does not start with a session_meta");
    return sessionMetaForPatch(head.meta, await readMetadata(files, rollout), patch);
  });
  if (item === null) return;
  await withWriter(context, threadId, (writer) =>
    writer.append({ items: [item], expectedOrdinal: undefined, key: undefined }),
  );
}

async function withWriter(
  context: LocalContext,
  threadId: string,
  use: (writer: RolloutWriter) => Promise<unknown>,
): Promise<void> {
  const { writers, lookup } = context;
  const open = writers.get(threadId);
  if (open !== undefined && open.refusal === null) {
    await use(open);
    return;
  }
  const entry = await lookup.require(threadId);
  const { writer: name } = await openExisting(context, threadId, { path: entry.path });
  const writer = writers.require(name);
  try {
    await use(writer);
  } finally {
    await writer.shutdown();
    writers.remove(writer);
  }
}
