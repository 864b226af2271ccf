/**
 * LogTransfer: how whole threads leave a store and come into another one, byte for byte. A record stays the line it
 * was, with its time and its marks, so a digest over the lines is the same on both sides. What is no record is not
 * moved: blank lines, and what a crash left behind the last whole batch.
 */

/** A thread on its way. */
export interface TransferThread {
  readonly threadId: string;
  readonly archived: boolean;
  /** As the user set or cleared it; undefined where that was never done. */
  readonly name: string | null | undefined;
  /** Bytes of its log, where the store knows them without reading it; about right is enough. For progress alone. */
  readonly sizeHint: number | null;
}

/** A thread that comes in. */
export interface IncomingThread extends Omit<TransferThread, "sizeHint"> {
  /** Its log: parts of whole lines, each line with its newline, in order. */
  readonly lines: AsyncIterable<Uint8Array>;
}

/** What came in. */
export interface TransferredThread {
  readonly lineCount: number;
  readonly byteCount: number;
}

/** A store's side of moving. Methods reject with SkeinErrors. */
export interface LogTransfer {
  /** Names the place to a person. */
  readonly place: string;
  /** All threads in the order of their ids, those behind `after`. Empty: no more. */
  threads(after: string | null): Promise<readonly TransferThread[]>;
  thread(threadId: string): Promise<TransferThread | undefined>;
  /**
   * The thread's lines as they are stored, in parts of a bounded size (a longer line is a part of its own); a part
   * ends with a line's newline. `thread_not_found`.
   */
  readLog(threadId: string): AsyncIterable<Uint8Array>;
  /**
   * Stores a thread as a whole or not at all; it is listed when all of it is durable. `thread_exists` where one with
   * this id is, or was deleted; `rollout_unreadable` where the lines are no thread's.
   */
  writeLog(thread: IncomingThread): Promise<TransferredThread>;
  /**
   * The same in the place of the thread that is there, which stays until the new one is whole. Only where nobody else
   * writes has a place this: a folder of exported threads. `thread_not_found`.
   */
  replaceLog?(thread: IncomingThread): Promise<TransferredThread>;
}
