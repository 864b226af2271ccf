/**
 * A client's calls that change something: numbered when they are made, begun by the server in that order, answered
 * when their own events were told here. One whose session is over is made again in the next one, for nothing of it
 * was begun; one whose connection was lost, only where doing it twice does it once. A try after that has no turn to
 * keep: where it comes when later calls have begun it is made once more, or is as lost as the one before.
 */
import type { CallOptions } from "@connectrpc/connect";

import { isSkeinError, type SkeinError } from "../../base/index.ts";
import type { CallsUnderWay } from "./calls-under-way.ts";
import { BRIEF_PATIENCE_MS, closed, isSessionOver, isUnsent, type RemoteLink } from "./remote-link.ts";
import type { RemoteListening } from "./remote-listening.ts";
import type { CallStand, RemoteSession } from "./remote-session.ts";

/** How a call that changes something is made. */
export interface RemoteChange<Answer> {
  /** The thread it is about, to which later calls may have to look back. */
  readonly threadId: string | undefined;
  /** Making it twice does no more than making it once; where that hangs on the server, by the try that was lost. */
  readonly isRepeatable: boolean | ((tried: CallStand) => boolean);
  /** Repeatable while its session stands: the next one does not know what a try that was lost has done. */
  readonly isOfItsSession?: boolean;
  /** Nothing is lost when it does not come: a server that is away is not waited for. */
  readonly isBrief?: boolean;
  /** Answered after all that was called before it on the thread. */
  readonly isBarrier?: boolean;
  readonly make: (place: CallStand, options: CallOptions) => Promise<Answer>;
}

/** What changes are made with. */
export interface RemoteChangesOptions {
  readonly link: RemoteLink;
  readonly session: RemoteSession;
  readonly listening: RemoteListening;
  readonly calls: CallsUnderWay;
}

interface Told {
  readonly eventsTold: bigint;
}

/** See the file's head. */
export class RemoteChanges {
  readonly #options: RemoteChangesOptions;
  #isClosed = false;

  constructor(options: RemoteChangesOptions) {
    this.#options = options;
  }

  /** Makes a call: its place is that of this moment. */
  make<Answer extends Told>(change: RemoteChange<Answer>): Promise<Answer> {
    const { session, calls } = this.#options;
    const place = session.nextPlace();
    const earlier = change.isBarrier === true ? calls.ofThread(change.threadId) : [];
    return calls.follow(change.threadId, this.#answered(change, place, earlier));
  }

  /** Calls that fail from now on fail because the store is closed. */
  close(): void {
    this.#isClosed = true;
  }

  async #answered<Answer extends Told>(
    change: RemoteChange<Answer>,
    place: CallStand,
    earlier: readonly Promise<unknown>[],
  ): Promise<Answer> {
    const { listening } = this.#options;
    await listening.whenReady();
    const answer = await this.#made(change, place);
    await listening.whenTold(answer.eventsTold);
    await Promise.allSettled(earlier);
    return answer;
  }

  async #made<Answer>(change: RemoteChange<Answer>, first: CallStand): Promise<Answer> {
    const { link, session } = this.#options;
    const { isRepeatable, isOfItsSession, isBrief, make } = change;
    // A call that is made again is a new one to the server: its first number may have had its turn.
    let place: CallStand | undefined = first;
    let tried = first;
    let lost: SkeinError | undefined;
    let failed: SkeinError | undefined;
    // Another call may have begun the next session while this one waited for its next try.
    const isForgotten = (): boolean => isOfItsSession === true && lost !== undefined && tried.sessionId !== session.id;
    const kind = {
      get isRepeatable(): boolean {
        if (isForgotten()) return false;
        return typeof isRepeatable === "boolean" ? isRepeatable : isRepeatable(tried);
      },
      ...(isBrief === true ? { patienceMs: BRIEF_PATIENCE_MS } : {}),
    };
    for (let reopenings = 0; ; reopenings += 1) {
      try {
        return await link.call(kind, async (options) => {
          if (lost !== undefined && isForgotten()) throw lost;
          tried = place ?? session.nextPlace();
          place = undefined;
          try {
            return await make(tried, options);
          } catch (error) {
            const told = link.told(error);
            // It began nothing: what is known is what the try before it came to.
            if (told.code === "aborted") throw failed ?? told;
            if (told.code === "connection_lost" && !isSessionOver(told)) {
              failed = told;
              if (!isUnsent(told)) lost = told;
            }
            throw told;
          }
        });
      } catch (error) {
        const isLost = isSkeinError(error, "connection_lost");
        if (isLost || isSkeinError(error, "timed_out")) session.breakOrder();
        if (this.#isClosed && isLost) throw closed(error);
        if (!isSessionOver(error) || reopenings > 0) throw error;
        if (isOfItsSession === true && lost !== undefined) throw lost;
        await session.reopen();
      }
    }
  }
}
