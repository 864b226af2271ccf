/**
 * A client's calls that make threads. Each has a key of its own, by which the server makes it once: one whose answer
 * was lost is asked for again, and answered with the writer that it opened. One that failed without being refused has
 * its key told with the next call, so that the server lets go of what it may have opened, and the id is not taken for
 * ever. A server that knows no keys, as the session of the very try says, is told none, and not asked again.
 */
import { type IdSource, isSkeinError, rejection } from "../../base/index.ts";
import { checkCreate, requireThreadId } from "../call-check.ts";
import { newSessionMeta } from "../new-session-meta.ts";
import type { CreateThreadParams, ForkPoint, OpenedThread } from "../thread-store.ts";
import type { RemoteChanges } from "./remote-changes.ts";
import type { RemoteLink } from "./remote-link.ts";
import { ABANDONED_MAX } from "./session-creations.ts";
import { fromWireOpened, toWireNewThread } from "./wire-writers.ts";

/** Stands for the id that the server will choose. */
const NO_ID = "00000000-0000-7000-8000-000000000000";

/** What they are made with. */
export interface RemoteCreationsOptions {
  readonly link: RemoteLink;
  readonly changes: RemoteChanges;
  readonly ids: IdSource;
}

/** See the file's head. */
export class RemoteCreations {
  readonly #options: RemoteCreationsOptions;
  /** Keys of those of which a try may have made something. The oldest are forgotten: they go with the session. */
  readonly #abandoned = new Set<string>();

  constructor(options: RemoteCreationsOptions) {
    this.#options = options;
  }

  /** Makes a thread. */
  async make(params: CreateThreadParams): Promise<OpenedThread> {
    const { link, changes, ids } = this.#options;
    checkCreate(params);
    const { metadata, fork } = params;
    const threadId = params.threadId === undefined ? undefined : requireThreadId(params.threadId);
    // Its checks are those of the port; what it makes is the server's to make.
    newSessionMeta({ threadId: threadId ?? NO_ID, createdAtMs: 0, forkedFromId: null }, metadata);
    const creationKey = ids.next();
    const abandonedKeys = [...this.#abandoned];
    const request = {
      metadata: toWireNewThread(metadata),
      ...(threadId === undefined ? {} : { threadId }),
      ...(fork === undefined ? {} : { fork: toWireFork(fork) }),
    };
    let told: readonly string[] = [];
    try {
      const { opened } = await changes.make({
        threadId,
        isRepeatable: ({ knowsCreationKeys }) => knowsCreationKeys,
        // A fork is stored when it is made; any other thread is gone with the session that opened it.
        isOfItsSession: fork !== undefined,
        make: (place, options) => {
          told = place.knowsCreationKeys ? abandonedKeys : [];
          const keys = place.knowsCreationKeys ? { creationKey, abandonedKeys } : {};
          return link.client.createThread({ ...request, ...keys, place }, options);
        },
      });
      // The server has heard of these.
      for (const key of told) this.#abandoned.delete(key);
      return fromWireOpened(opened);
    } catch (error) {
      // Only a refusal says that no try made anything: the answer to the last one may be none of the making.
      if (!isSkeinError(error) || error.kind !== "rejection") this.#abandon(creationKey);
      throw error;
    }
  }

  #abandon(key: string): void {
    this.#abandoned.add(key);
    for (const oldest of this.#abandoned) {
      if (this.#abandoned.size <= ABANDONED_MAX) return;
      this.#abandoned.delete(oldest);
    }
  }
}

function toWireFork({ threadId, endOrdinal }: ForkPoint): { threadId: string; endOrdinal: bigint } {
  const id = requireThreadId(threadId);
  if (Number.isSafeInteger(endOrdinal) && endOrdinal >= 0) return { threadId: id, endOrdinal: BigInt(endOrdinal) };
  throw rejection("invalid_argument", `a fork of thread ${id} ends at an ordinal: a whole number of 0 or more`, {
    threadId: id,
  });
}
