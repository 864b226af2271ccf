/**
 * An ephemeral fork: a copy of a thread's log in the store of ephemeral threads, which keeps nothing. The source
 * may be a kept thread or an ephemeral one; a turn that runs there is interrupted in the copy alone.
 */
import type { ForkThreadParams } from "../actors/index.ts";
import { assert, isSkeinError, LIMITS } from "../base/index.ts";
import type { AppendableItem } from "../events/index.ts";
import type { Runtime, RuntimeThread } from "../runtime/index.ts";
import type { ThreadStore } from "../store/index.ts";
import type { ServerContext } from "./server-context.ts";

/** Copies a thread into memory and loads the copy. `thread_not_found`. */
export async function copyToEphemeral(
  server: ServerContext,
  sourceId: string,
  params: ForkThreadParams,
): Promise<RuntimeThread> {
  const target = await server.threads.ephemeral();
  if (server.threads.isEphemeral(sourceId)) return await target.forkThread(sourceId, params);
  const { kept, copies } = server.threads;
  let fork: RuntimeThread | undefined;
  // One copy of a source at a time: it lies there under the source's own id, so that the fork has its lineage.
  await copies.run(sourceId, async () => {
    try {
      await copyLog(kept.store, target.store, sourceId);
      fork = await target.forkThread(sourceId, params);
    } finally {
      await dropCopy(target, sourceId);
    }
  });
  assert(fork !== undefined, "a job that didn't reject made the fork");
  return fork;
}

async function copyLog(from: ThreadStore, to: ThreadStore, threadId: string): Promise<void> {
  const stored = await from.readThread({ threadId });
  const { cwd, modelProvider, source, originator } = stored;
  const { writer } = await to.createThread({ threadId, metadata: { cwd, modelProvider, source, originator } });
  try {
    let ordinal = 0;
    let hint: string | undefined;
    for (;;) {
      const page = await from.loadHistory({
        threadId,
        from: ordinal,
        limit: LIMITS.appendItemsMax,
        ...(hint === undefined ? {} : { hint }),
      });
      const items = page.records.map((record) => record.item).filter(isAppendable);
      if (items.length > 0) await to.appendItems({ writer, items });
      ordinal = page.nextOrdinal;
      hint = page.hint;
      if (page.isEnd) return;
    }
  } finally {
    await to.shutdownThread(writer);
  }
}

/** The own session_meta is the store's to write; what can't be read can't be copied. */
function isAppendable(item: { readonly type: string }): item is AppendableItem {
  return item.type !== "session_meta" && item.type !== "unknown" && item.type !== "unreadable";
}

/** What was copied; a copy that failed early left nothing. */
async function dropCopy(target: Runtime, sourceId: string): Promise<void> {
  try {
    await target.deleteThread(sourceId);
  } catch (error) {
    if (!isSkeinError(error, "thread_not_found")) throw error;
  }
}
