/**
 * The one metadata write. Git and memory mode become a session_meta line, through the thread's open writer or, where
 * there is none, through one that is opened for it; a name goes to the thread's row. Called with the thread's lock
 * held.
 */
import { rejection } from "../../base/index.ts";
import { type SessionMeta, threadMetadataFold } from "../../events/index.ts";
import { sessionMetaForPatch } from "../metadata-patch.ts";
import type { StoredThread, ThreadMetadataPatch } from "../thread-store.ts";
import type { PostgresContext } from "./postgres-context.ts";
import { renameThread } from "./thread-removal.ts";
import { foldLog, readThread } from "./thread-reader.ts";
import { logThreadOf, requireRow } from "./thread-rows.ts";
import type { PostgresWriter } from "./thread-writer.ts";
import { openStored, releaseThread } from "./writer-opening.ts";

/** Applies a validated patch; answers the thread as it is now. */
export async function updateMetadata(
  context: PostgresContext,
  threadId: string,
  patch: ThreadMetadataPatch,
): Promise<StoredThread> {
  const writer = context.writers.get(threadId);
  if (writer !== undefined && writer.newMeta !== null) await writer.materialise();
  if (patch.git !== undefined || patch.memoryMode !== undefined) await appendMeta(context, threadId, patch);
  if (patch.name !== undefined) await renameThread(context, threadId, patch.name);
  return readThread(context, threadId);
}

async function appendMeta(context: PostgresContext, threadId: string, patch: ThreadMetadataPatch): Promise<void> {
  await withWriter(context, threadId, async (writer) => {
    const { database, statements, rows } = context;
    const row = await requireRow(database, threadId, { statements });
    const indexed = await rows()?.read(logThreadOf(row));
    const metadata = indexed?.metadata ?? (await foldLog(context, threadId, threadMetadataFold));
    const item = sessionMetaForPatch(await firstMeta(context, threadId), metadata, patch);
    if (item !== null) await writer.append({ items: [item], expectedOrdinal: undefined, key: undefined });
  });
}

async function firstMeta({ reader }: PostgresContext, threadId: string): Promise<SessionMeta> {
  for (const { item } of await reader.recordsOf({ threadId, from: 0, end: HEAD_RECORDS_MAX })) {
    if (item.type === "session_meta") return item.payload;
  }
  throw rejection(
    "unsupported",
    `thread ${threadId} has no session_meta at its beginning: only its name can be changed`,
    {
      threadId,
    },
  );
}

/** Records that may stand in front of the session_meta of a log that came from elsewhere. */
const HEAD_RECORDS_MAX = 10;

async function withWriter(
  context: PostgresContext,
  threadId: string,
  use: (writer: PostgresWriter) => Promise<void>,
): Promise<void> {
  const { writers } = context;
  const open = writers.get(threadId);
  if (open !== undefined && open.refusal === null) {
    await use(open);
    return;
  }
  const { writer: name } = await openStored(context, threadId);
  const writer = writers.require(name);
  try {
    await use(writer);
  } finally {
    await writer.shutdown();
    await releaseThread(context, writer);
    writers.remove(writer);
  }
}
