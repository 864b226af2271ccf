/**
 * The sessions of a served store, and which of them owns a thread. A session that is held and shows signs of life
 * keeps others from its threads; one that is not can lose them at once, and is ended when it stays away. A writer that
 * was opened for a session that is over, or that its client gave up, is shut down.
 */
import { type Clock, fault, type IdSource, type Logger, type Timer } from "../../base/index.ts";
import type { ThreadStore, ThreadWriter } from "../thread-store.ts";
import type { CallPlace } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { ServedSession, sessionNeeded, sessionOver } from "./served-session.ts";

/** How often a client is to show a sign of life, milliseconds. */
export const KEEP_ALIVE_MS = 5_000;
/** Without one for this long, a session keeps nobody from its threads. */
const SILENT_MAX_MS = 15_000;
/** Without one for this long, it is ended. */
const GONE_MS = 60_000;
const SWEEP_MS = 5_000;
const SESSIONS_MAX = 10_000;

/** What a registry is made with. */
export interface SessionRegistryOptions {
  readonly store: ThreadStore;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
}

/** See the file's head. */
export class SessionRegistry {
  readonly #options: SessionRegistryOptions;
  readonly #sessions = new Map<string, ServedSession>();
  readonly #owners = new Map<string, ServedSession>();
  #sweep: Timer | null = null;
  #isClosed = false;

  constructor(options: SessionRegistryOptions) {
    this.#options = options;
  }

  /** Sessions whose clients are connected. */
  get heldCount(): number {
    return [...this.#sessions.values()].filter(({ isHeld }) => isHeld).length;
  }

  /** The session of this id where it still is, else a new one. */
  open(sessionId: string, clientName: string): { readonly session: ServedSession; readonly isSame: boolean } {
    const known = this.#sessions.get(sessionId);
    known?.touch();
    if (known !== undefined) return { session: known, isSame: true };
    if (this.#isClosed) throw fault("runtime_closed", "the server is closing", { retryable: true });
    if (this.#sessions.size >= SESSIONS_MAX) {
      throw fault("server_overloaded", `the server has ${SESSIONS_MAX} clients`, { retryable: true });
    }
    const { ids, clock, store } = this.#options;
    const session = new ServedSession({ id: ids.next(), clientName, clock, store });
    this.#sessions.set(session.id, session);
    this.#sweep ??= clock.setTimer(SWEEP_MS, () => this.#sweepNow());
    return { session, isSame: false };
  }

  /** The session of this id; an error that makes its client open another one where it is over. */
  require(sessionId: string): ServedSession {
    const session = this.#sessions.get(sessionId);
    if (session === undefined) throw sessionOver(sessionId);
    return session;
  }

  /** The session that a call names. */
  requireFor(place: CallPlace | undefined): { readonly session: ServedSession; readonly place: CallPlace } {
    if (place === undefined || place.sessionId === "") throw sessionNeeded();
    return { session: this.require(place.sessionId), place };
  }

  /** Throws `thread_owned_elsewhere` while another session, whose client is awake, writes to the thread. */
  requireFree(threadId: string, session: ServedSession): void {
    const owner = this.#owners.get(threadId);
    if (owner === undefined || owner === session || !owner.isAwake(SILENT_MAX_MS)) return;
    const { clientName } = owner;
    throw fault("thread_owned_elsewhere", `thread ${threadId} is being written to by ${clientName}`, {
      retryable: true,
      // Not its session's id: who knows that can call as it.
      data: { threadId, ownerId: clientName },
    });
  }

  /** A session has opened a writer: who owned the thread before does so no more. */
  own(session: ServedSession, writer: ThreadWriter): void {
    const { threadId } = writer;
    const before = this.#owners.get(threadId);
    if (before !== undefined && before !== session) before.disownThread(threadId);
    session.own(writer);
    this.#owners.set(threadId, session);
  }

  /** A session has opened a writer, unless it is over by now: then the writer is let go. */
  async adopt(session: ServedSession, writer: ThreadWriter): Promise<void> {
    if (!session.isOver) return this.own(session, writer);
    await session.release(writer);
    throw fault("connection_lost", "the client's session ended before this was answered: look what became of it", {
      retryable: true,
      data: { threadId: writer.threadId },
    });
  }

  /** Lets go of a writer that a session's client knows nothing of, unless it went already. Does not reject. */
  async letGo(session: ServedSession, writer: ThreadWriter): Promise<void> {
    if (!session.owns(writer)) return;
    try {
      await session.release(writer);
    } catch (error) {
      this.#options.logger.error({ error, threadId: writer.threadId }, "a given up writer could not be let go");
    }
    this.disown(session, writer);
  }

  /** A session has let a writer go. */
  disown(session: ServedSession, writer: ThreadWriter): void {
    const { threadId } = writer;
    if (session.disown(writer) && this.#owners.get(threadId) === session) this.#owners.delete(threadId);
  }

  /** The thread was deleted. */
  forget(threadId: string): void {
    this.#owners.get(threadId)?.disownThread(threadId);
    this.#owners.delete(threadId);
  }

  /** Ends a session: its writers are shut down. */
  async end(session: ServedSession): Promise<void> {
    this.#sessions.delete(session.id);
    await session.end();
    for (const [threadId, owner] of this.#owners) if (owner === session) this.#owners.delete(threadId);
  }

  /** Ends all sessions; none is opened any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#sweep?.cancel();
    this.#sweep = null;
    await Promise.all([...this.#sessions.values()].map((session) => this.end(session)));
  }

  #sweepNow(): void {
    const { clock, logger } = this.#options;
    for (const session of this.#sessions.values()) {
      if (session.silentMs <= GONE_MS) continue;
      logger.warn(
        { sessionId: session.id, client: session.clientName },
        "a client stayed away; its writers are let go",
      );
      this.end(session).catch((error: unknown) => logger.error({ error }, "a client's writers could not be let go"));
    }
    this.#sweep = this.#sessions.size === 0 ? null : clock.setTimer(SWEEP_MS, () => this.#sweepNow());
  }
}
