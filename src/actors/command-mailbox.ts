/**
 * The mailbox of one thread: commands run one after another, in the order they came, and a bounded
 * number of them waits. A command that finds the mailbox full is refused at once and changed nothing.
 *
 * Invariants
 *   M1  At most one command runs at a time; the next starts when it settled.
 *   M2  A command that waits when the mailbox is emptied is refused and never starts.
 */
import { LIMITS, rejection, type SkeinError } from "../base/index.ts";

interface WaitingCommand {
  readonly start: () => Promise<void>;
  readonly refuse: (error: SkeinError) => void;
}

export class CommandMailbox {
  readonly #waiting: WaitingCommand[] = [];
  #running: Promise<void> | null = null;
  #refuseRunning: ((error: SkeinError) => void) | null = null;

  /** Whether a command runs or waits. */
  get isBusy(): boolean {
    return this.#running !== null;
  }

  /** Runs a command when its turn has come. `mailbox_full` when too many wait. */
  run<Answer>(command: () => Promise<Answer>): Promise<Answer> {
    if (this.#waiting.length >= LIMITS.mailboxCommandsMax) {
      return Promise.reject(
        rejection("mailbox_full", `${LIMITS.mailboxCommandsMax} commands wait for this thread already`, {
          waiting: this.#waiting.length,
          waitingMax: LIMITS.mailboxCommandsMax,
        }),
      );
    }
    return new Promise<Answer>((resolve, reject) => {
      const start = (): Promise<void> => command().then(resolve, reject);
      const waiting = { start, refuse: reject };
      if (this.#running === null) this.#begin(waiting);
      else this.#waiting.push(waiting);
    });
  }

  /** Refuses every command that waits; the running one goes on. */
  refuseWaiting(error: SkeinError): void {
    for (const { refuse } of this.#waiting.splice(0)) refuse(error);
  }

  /** Refuses those that wait and the caller of the running one, which nobody waits for any more. */
  abandon(error: SkeinError): void {
    this.refuseWaiting(error);
    this.#refuseRunning?.(error);
  }

  /** Resolves when the command that runs now has settled. */
  async settled(): Promise<void> {
    await this.#running;
  }

  #begin({ start, refuse }: WaitingCommand): void {
    this.#refuseRunning = refuse;
    this.#running = start().then(() => {
      const following = this.#waiting.shift();
      this.#running = null;
      this.#refuseRunning = null;
      if (following !== undefined) this.#begin(following);
    });
  }
}
