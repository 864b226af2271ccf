/**
 * A thread's hold on its store's writer. A store may let a writer go under its thread: one on another machine does
 * when its server was started again. Such a writer is opened again in its place, once for all who wait, and what was
 * refused is done with the new one; whether that may be is for who made the hold to say.
 */
import { isSkeinError } from "../base/index.ts";
import type { ThreadWriter } from "../store/index.ts";

/** Opens the writer again; rejects, with the refusal itself where the log has moved on, when it can't be. */
export type OpenAgain = (refusal: Error) => Promise<ThreadWriter>;

/** See the file's head. */
export class WriterHold {
  readonly #openAgain: OpenAgain;
  #writer: ThreadWriter;
  #opening: Promise<ThreadWriter> | null = null;
  #isReleased = false;

  constructor(writer: ThreadWriter, openAgain: OpenAgain) {
    this.#writer = writer;
    this.#openAgain = openAgain;
  }

  /** Does something with the writer; once more, with a new one, when the store had let it go and did nothing. */
  async run<Answer>(work: (writer: ThreadWriter) => Promise<Answer>): Promise<Answer> {
    const writer = this.#opening === null ? this.#writer : await this.#opening;
    try {
      return await work(writer);
    } catch (error) {
      if (!isLetGo(error) || this.#isReleased) throw error;
      return await work(await this.#again(writer, error));
    }
  }

  /** Opens it no more; the writer that the store is to be told of. */
  async release(): Promise<ThreadWriter> {
    this.#isReleased = true;
    // Why it could not be opened is told to those who asked for it.
    if (this.#opening !== null) await Promise.allSettled([this.#opening]);
    return this.#writer;
  }

  #again(lost: ThreadWriter, refusal: Error): Promise<ThreadWriter> {
    if (this.#writer !== lost) return Promise.resolve(this.#writer);
    this.#opening ??= this.#open(refusal).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #open(refusal: Error): Promise<ThreadWriter> {
    this.#writer = await this.#openAgain(refusal);
    if (this.#isReleased) throw refusal;
    return this.#writer;
  }
}

/** A writer that was let go by its own store, which can be opened again; one that was closed here can't. */
function isLetGo(error: unknown): error is Error {
  return isSkeinError(error, "writer_closed") && error.retryable;
}
