/**
 * Threads that a session's client asked for, by the keys that it made for them: who asks again because no answer came
 * is answered with what was made the first time, and what a client gave up on is let go. One whose id is being let go
 * waits for that, under its key: it can be given up as any other. It holds no writers.
 *
 * Invariants
 *   C1  A key makes one thread: what is asked with it again is answered as the first, also when the writer is another
 *       session's by then.
 *   C2  What failed made nothing: its key is forgotten with it. There are no more keys than writers, calls under way,
 *       and a bounded number of the newest whose writers went.
 *   C3  What was given up before it was begun is never begun; what was begun is let go when it is made. Who asks with
 *       its id waits for both.
 */
import { fault, rejection } from "../../base/index.ts";
import type { OpenedThread, ThreadWriter } from "../thread-store.ts";

/** Characters of a key. */
const KEY_CHARS_MAX = 64;
/** Keys that a client can give up in one call. */
export const ABANDONED_MAX = 1_000;
/** Keys that are known when their writers went: those of a client whose connection is away can be taken meanwhile. */
const GONE_MAX = 1_000;

interface Creation {
  /** The id that it was asked for with. */
  readonly threadId: string | undefined;
  readonly opening: Promise<OpenedThread>;
}

/** See the file's head. */
export class SessionCreations {
  readonly #byKey = new Map<string, Creation>();
  /** Keys of what is open, by its writer. */
  readonly #keys = new Map<string, string>();
  /** Keys of what is open no more, the oldest first. */
  readonly #gone = new Set<string>();
  /** What was given up and is not let go yet, by the id that it was asked for with. */
  readonly #leaving = new Map<string, Promise<void>>();

  /**
   * What was made with the key, or is being made; else makes it, when what was given up with the id is let go. Without a
   * key it is always made.
   */
  async once(
    { key, threadId }: { readonly key: string; readonly threadId: string | undefined },
    make: () => Promise<OpenedThread>,
  ): Promise<OpenedThread> {
    if (key === "") return make();
    requireKey(key);
    const earlier = this.#byKey.get(key);
    if (earlier !== undefined) return earlier.opening;
    const left = threadId === undefined ? undefined : this.#leaving.get(threadId);
    const begin = (): Promise<OpenedThread> => {
      if (this.#byKey.get(key) === creation) return make();
      throw fault("aborted", "the client gave this thread up before it was begun: ask for it again", {
        retryable: true,
      });
    };
    // What waits for nothing begins in the order of the calls.
    const creation: Creation = { threadId, opening: left === undefined ? make() : left.then(begin) };
    this.#byKey.set(key, creation);
    try {
      const opened = await creation.opening;
      this.#keys.set(writerName(opened.writer), key);
      return opened;
    } catch (error) {
      this.#byKey.delete(key);
      throw error;
    }
  }

  /** The client gave these up: `letGo` is called with the writers that they opened, or will have opened. */
  abandon(keys: readonly string[], letGo: (writer: ThreadWriter) => Promise<void>): void {
    if (keys.length > ABANDONED_MAX) {
      throw rejection("invalid_argument", `a call gives up ${ABANDONED_MAX} keys at most, not ${keys.length}`);
    }
    for (const key of keys) {
      const creation = this.#byKey.get(key);
      this.#byKey.delete(key);
      this.#gone.delete(key);
      if (creation === undefined) continue;
      const { threadId, opening } = creation;
      const left = opening.then(
        ({ writer }) => letGo(writer),
        // What failed has nothing open.
        () => {},
      );
      if (threadId !== undefined) this.#leave(threadId, left);
    }
  }

  /** Who asks with the id waits for this too. */
  #leave(threadId: string, left: Promise<void>): void {
    const before = this.#leaving.get(threadId) ?? Promise.resolve();
    const all = Promise.all([before, left]).then(() => {});
    this.#leaving.set(threadId, all);
    void all.finally(() => {
      if (this.#leaving.get(threadId) === all) this.#leaving.delete(threadId);
    });
  }

  /** The writer is not the session's any more. */
  forget(writer: ThreadWriter): void {
    const name = writerName(writer);
    const key = this.#keys.get(name);
    this.#keys.delete(name);
    if (key === undefined || !this.#byKey.has(key)) return;
    this.#gone.add(key);
    for (const oldest of this.#gone) {
      if (this.#gone.size <= GONE_MAX) return;
      this.#gone.delete(oldest);
      this.#byKey.delete(oldest);
    }
  }
}

function requireKey(key: string): void {
  if (key.length <= KEY_CHARS_MAX) return;
  throw rejection("invalid_argument", `a creation key has ${KEY_CHARS_MAX} characters at most, not ${key.length}`);
}

/** Names a writer among others, of its thread and of other ones. */
export function writerName({ threadId, epoch }: ThreadWriter): string {
  return `${threadId}:${epoch}`;
}
