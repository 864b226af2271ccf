/**
 * What who may not write a thread is told, where another node has it: whose it is, where that node is reached, and
 * what can be done.
 */
import { fault, type SkeinError } from "../../base/index.ts";

/** The columns of a row that say who owns its thread. */
export interface OwnerColumns {
  readonly owner_node: string | null;
  readonly owner_incarnation: string | null;
  readonly since_ms: number | null;
  readonly host: string | null;
  readonly pid: number | null;
  readonly url: string | null;
  readonly is_alive: boolean;
}

/** `thread_owned_elsewhere` for a thread that another living node has. */
export function ownedElsewhere(threadId: string, owner: OwnerColumns): SkeinError {
  const since = owner.since_ms === null ? "" : ` since ${new Date(owner.since_ms).toISOString()}`;
  return owned(threadId, owner, {
    message:
      `thread ${threadId} is owned by ${nameOf(owner)}${since}: follow it, send it commands, ` +
      "or take it over once that node is gone",
  });
}

/** `thread_owned_elsewhere` for a thread that was this node's own. */
export function takenAway(threadId: string, owner: OwnerColumns): SkeinError {
  return owned(threadId, owner, {
    message:
      `thread ${threadId} was taken over by ${nameOf(owner)}, while this node showed no sign of life: ` +
      "nothing was written; open the thread anew to see what it holds now",
  });
}

function owned(threadId: string, owner: OwnerColumns, { message }: { readonly message: string }): SkeinError {
  return fault("thread_owned_elsewhere", message, {
    retryable: true,
    data: {
      threadId,
      ownerId: owner.owner_node,
      host: owner.host,
      pid: owner.pid,
      sinceMs: owner.since_ms === null ? null : Math.round(owner.since_ms),
      url: owner.url,
    },
  });
}

function nameOf({ owner_node: id, host, pid, url }: OwnerColumns): string {
  const place = url ?? (host === null ? "unknown" : `process ${pid} on ${host}`);
  return `node ${id} (${place})`;
}
