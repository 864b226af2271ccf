/**
 * One rollout as its writer holds it: the file, how long it must be, and what to do when it isn't.
 * It knows bytes, not records.
 *
 * Invariants
 *   R1  A write is only acknowledged when the file ends where it ends, and ended before it where this
 *       writer left it; otherwise somebody else wrote, and this writer is fenced. What they wrote is never
 *       overwritten (O_APPEND). The look before the write keeps ours out of their log altogether; between
 *       unsynced writes it is left out when the last look is less than CHECK_MS ago.
 *   R2  A write that fails is cut off again: the file is as before, and the writer goes on.
 *   R3  A sync that fails ends the writer: the page cache no longer says what the disk holds. What it should have
 *       made durable, back to the last sync, is written once more before: the kernel takes pages that it could not
 *       write for clean, and a later sync that succeeds would leave a hole in front of what it covers. It is
 *       written in place: no reader sees a shorter log, and what others have appended meanwhile stays.
 *   R4  A torn tail is cut (and kept aside), or a missing newline written, before the first append.
 *   R5  The file is known by its inode. It may be moved under its writer; deleted or replaced, the writer
 *       is fenced.
 *
 * Faults with the codes writer_fenced and writer_closed are final; after any other the file is as it was.
 */
import { dirname } from "node:path";

import {
  assert,
  type Clock,
  faultFromSystem,
  isSkeinError,
  type Logger,
  rejection,
  systemCode,
} from "../../base/index.ts";
import type { DirectoryMaker } from "./directory-maker.ts";
import { type FileSystem, isMissing, type OpenMode } from "./file-system.ts";
import type { OpenFileBudget, OpenFileHolder } from "./open-file-budget.ts";
import type { RolloutTail } from "./rollout-tail.ts";
import { cutTornTail } from "./tail-repair.ts";
import { overwriteAll, rewriteInPlace, writeAll, type WriteOutcome } from "./write-all.ts";
import { fencedByFile, fencedBySize, writerLost } from "./writer-faults.ts";

/** What a rollout file needs from its store. */
export interface RolloutFileContext {
  readonly files: FileSystem;
  readonly directories: DirectoryMaker;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly budget: OpenFileBudget;
  readonly tornFolder: string;
  /** Files whose names say the thread. */
  named(threadId: string): Promise<readonly string[]>;
  /** Where the thread's file is now; asked when it is not where it was. */
  find(threadId: string): Promise<string | undefined>;
}

/** Whose file, and where. */
export interface RolloutPlace {
  readonly threadId: string;
  readonly path: string;
  /** The caller chose the id, so somebody else may have chosen it too. */
  readonly isIdGiven?: boolean;
}

/** A file that exists, as it was looked at. */
export interface ExistingRollout {
  readonly inode: string;
  readonly tail: RolloutTail;
  /** Its name and its bytes are known to stand on the disk. */
  readonly isStored?: boolean;
}

/** What was appended, and how that went. */
interface Written {
  readonly bytes: Buffer;
  readonly outcome: WriteOutcome;
}

const NO_TAIL: RolloutTail = { end: 0, tornBytes: 0, lacksNewline: false };
/** A look at the file that is older says nothing about a write without sync. */
const CHECK_MS = 10;
const NEWLINE = Buffer.from("\n");
const NOTHING = Buffer.alloc(0);

export class RolloutFile implements OpenFileHolder {
  readonly #context: RolloutFileContext;
  readonly #threadId: string;
  readonly #isIdGiven: boolean;
  #path: string;
  #fd: number | null = null;
  #inode: string | null;
  #tail: RolloutTail;
  /** Up to where a sync of this writer has succeeded; what is behind it may not be on the disk. */
  #syncedEnd = 0;
  #isBusy = false;
  /** When the file was last looked at before a write, on the monotonic clock. */
  #checkedMs = Number.NEGATIVE_INFINITY;
  /** Folders that hold names of this file's path, to be synced with its bytes. */
  #unsyncedFolders: readonly string[] = [];

  /** Without `existing` there is no file yet. */
  constructor(context: RolloutFileContext, at: RolloutPlace, existing: ExistingRollout | null) {
    this.#context = context;
    this.#threadId = at.threadId;
    this.#path = at.path;
    this.#isIdGiven = at.isIdGiven ?? false;
    this.#inode = existing?.inode ?? null;
    this.#tail = existing?.tail ?? NO_TAIL;
    // Whoever made the file may have been killed before its name was synced.
    if (existing?.isStored === true) this.#syncedEnd = existing.tail.end;
    else if (existing !== null) this.#unsyncedFolders = context.directories.unsyncedAbove(at.path);
  }

  get path(): string {
    return this.#path;
  }

  /** Names the file itself; null before it exists. */
  get inode(): string | null {
    return this.#inode;
  }

  /** Where the acknowledged records end. */
  get end(): number {
    return this.#tail.end;
  }

  /** The last record still lacks its newline. */
  get lacksNewline(): boolean {
    return this.#tail.lacksNewline;
  }

  /** The file was moved within this process. */
  movedTo(path: string): void {
    this.#path = path;
  }

  /** Makes the file with its first bytes, durable on return when `sync`. Nothing of it is left when that fails. `thread_exists`. */
  async create(bytes: Buffer, sync: boolean): Promise<void> {
    assert(this.#inode === null, "a rollout is created twice");
    await this.#busy(async () => {
      const { files, directories } = this.#context;
      const folder = dirname(this.#path);
      this.#unsyncedFolders = [...(await directories.make(folder)), folder];
      const fd = await this.#openNew();
      try {
        // Looked for when this name is taken: of two that look, the later one sees the other.
        if (this.#isIdGiven) await refuseRivals(this.#context, { threadId: this.#threadId, path: this.#path });
        const { failure } = await writeAll(files, fd, bytes);
        if (failure !== null) throw failure.error;
        this.#inode = files.fstat(fd).inode;
        if (sync) await this.#sync(fd);
      } catch (error) {
        this.#inode = null;
        await this.#removeNew(fd);
        throw error;
      }
      this.#fd = fd;
      this.#tail = { ...NO_TAIL, end: bytes.byteLength };
      if (sync) this.#syncedEnd = bytes.byteLength;
      this.#context.budget.touch(this);
    });
  }

  /** Appends bytes behind the records, repairing the tail first; durable when done, if `sync`. Done at once where it can be. */
  append(bytes: Buffer, sync: boolean): Promise<void> | undefined {
    const fd = this.#fd;
    if (fd === null || this.#tail.tornBytes > 0 || this.#tail.lacksNewline) {
      return this.#busy(() => this.#appendAfterRepair(bytes, sync));
    }
    this.#context.budget.touch(this);
    const appending = this.#appendTo(fd, bytes, sync);
    return appending === undefined ? undefined : this.#busy(() => appending);
  }

  /** Makes durable what was appended before. */
  async sync(): Promise<void> {
    await this.#busy(async () => this.#syncWritten(await this.#open(), NOTHING));
  }

  closeIfIdle(): Promise<void> | null {
    return this.#isBusy ? null : this.close();
  }

  /** Lets the file go; it is opened again when it is next needed. Never rejects. */
  async close(): Promise<void> {
    const fd = this.#fd;
    if (fd === null) return;
    this.#fd = null;
    this.#context.budget.forget(this);
    await this.#closeQuietly(fd);
  }

  async #closeQuietly(fd: number): Promise<void> {
    const { files, logger } = this.#context;
    try {
      await files.close(fd);
    } catch (error) {
      logger.warn({ error, path: this.#path }, "a rollout did not close cleanly");
    }
  }

  async #appendAfterRepair(bytes: Buffer, sync: boolean): Promise<void> {
    const fd = await this.#open();
    this.#checkFence(fd, this.#tail.end + this.#tail.tornBytes, true);
    if (this.#tail.tornBytes > 0) await this.#cutTail(fd);
    const hasAppended = this.#appendTo(fd, this.#tail.lacksNewline ? Buffer.concat([NEWLINE, bytes]) : bytes, sync);
    if (hasAppended !== undefined) await hasAppended;
  }

  #appendTo(fd: number, bytes: Buffer, sync: boolean): Promise<void> | undefined {
    this.#checkFence(fd, this.#tail.end, sync);
    const writing = writeAll(this.#context.files, fd, bytes);
    if (writing instanceof Promise) return writing.then((outcome) => this.#settle(fd, { bytes, outcome }, sync));
    return this.#settle(fd, { bytes, outcome: writing }, sync);
  }

  /** After the write: undoes a failed one, else checks that it stands there alone, and syncs. */
  #settle(fd: number, { bytes, outcome }: Written, sync: boolean): Promise<void> | undefined {
    if (outcome.failure !== null) return this.#undo(fd, outcome.writtenBytes, outcome.failure.error);
    const end = this.#tail.end + outcome.writtenBytes;
    this.#checkWritten(fd, end);
    const accept = (): void => {
      this.#tail = { ...NO_TAIL, end };
    };
    if (sync) return this.#syncWritten(fd, bytes).then(accept);
    accept();
    return undefined;
  }

  async #busy(work: () => Promise<void>): Promise<void> {
    this.#isBusy = true;
    try {
      await work();
    } finally {
      this.#isBusy = false;
    }
  }

  async #openNew(): Promise<number> {
    try {
      return await this.#context.files.open(this.#path, "create");
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
      throw rejection("thread_exists", `a rollout is in the way: ${this.#path}`, {
        threadId: this.#threadId,
        path: this.#path,
      });
    }
  }

  async #removeNew(fd: number): Promise<void> {
    const { files } = this.#context;
    try {
      await files.close(fd);
      await files.unlink(this.#path);
    } catch (error) {
      throw writerLost(this.#threadId, "its half-made file could not be removed", error);
    }
  }

  async #open(): Promise<number> {
    const { budget, files } = this.#context;
    if (this.#fd !== null) {
      budget.touch(this);
      return this.#fd;
    }
    const fd = await this.#reopen("append");
    this.#fd = fd;
    budget.touch(this);
    if (files.fstat(fd).inode !== this.#inode) throw fencedByFile(this.#threadId, this.#path, "was replaced");
    return fd;
  }

  async #reopen(mode: OpenMode): Promise<number> {
    const { files } = this.#context;
    try {
      return await files.open(this.#path, mode);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    const moved = await this.#context.find(this.#threadId);
    if (moved === undefined) throw fencedByFile(this.#threadId, this.#path, "was deleted");
    this.#path = moved;
    return files.open(moved, mode);
  }

  /** R1, before a write. */
  #checkFence(fd: number, expectedBytes: number, isFull: boolean): void {
    const { files, clock } = this.#context;
    const nowMs = clock.monotonicMs();
    if (!isFull && nowMs - this.#checkedMs < CHECK_MS) return;
    this.#checkedMs = nowMs;
    const { size, linkCount } = files.fstat(fd);
    if (linkCount === 0) throw fencedByFile(this.#threadId, this.#path, "was deleted");
    if (size !== expectedBytes) throw fencedBySize(this.#threadId, expectedBytes, size);
  }

  /** R1, after a write: nobody wrote between the check and the write. */
  #checkWritten(fd: number, expectedBytes: number): void {
    const { files } = this.#context;
    try {
      if (!files.reaches(fd, expectedBytes)) return;
      throw fencedBySize(this.#threadId, expectedBytes, files.fstat(fd).size);
    } catch (error) {
      if (isSkeinError(error)) throw error;
      throw writerLost(this.#threadId, "a written append could not be checked", error);
    }
  }

  async #cutTail(fd: number): Promise<void> {
    const { files, logger, tornFolder } = this.#context;
    await cutTornTail(files, logger, { fd, path: this.#path, tail: this.#tail, tornFolder });
    this.#tail = { ...this.#tail, tornBytes: 0 };
  }

  /** Cuts off what a failed write left, if it can be told from what others may have written; then throws why it failed. */
  async #undo(fd: number, writtenBytes: number, cause: unknown): Promise<void> {
    if (writtenBytes === 0) throw cause;
    const { files } = this.#context;
    const expectedBytes = this.#tail.end + writtenBytes;
    const { size } = files.fstat(fd);
    if (size !== expectedBytes) throw fencedBySize(this.#threadId, expectedBytes, size);
    try {
      await files.truncate(fd, this.#tail.end);
    } catch (error) {
      const { message } = faultFromSystem(error, "cut it off");
      throw writerLost(this.#threadId, `an append stands there half and Skein ${message}`, cause);
    }
    throw cause;
  }

  /** Syncs all that was written, `bytes` last; where that fails, R3. */
  async #syncWritten(fd: number, bytes: Buffer): Promise<void> {
    const end = this.#tail.end + bytes.byteLength;
    try {
      await this.#sync(fd);
      this.#syncedEnd = end;
    } catch (error) {
      await this.#writeAgain(bytes);
      throw error;
    }
  }

  /** R3. What was written before `bytes` is known from the file alone. */
  async #writeAgain(bytes: Buffer): Promise<void> {
    const { files, logger } = this.#context;
    const { end } = this.#tail;
    const offset = this.#syncedEnd;
    let fd: number | null = null;
    try {
      // One of its own: what is open for appending writes behind the end, whatever the position.
      fd = await this.#reopen("overwrite");
      if (files.fstat(fd).inode !== this.#inode) return;
      await rewriteInPlace(files, fd, { from: offset, end });
      overwriteAll(files, { fd, bytes, position: end });
    } catch (error) {
      logger.warn({ error, path: this.#path, offset }, "what a sync failed to store could not be written again");
    } finally {
      if (fd !== null) await this.#closeQuietly(fd);
    }
  }

  async #sync(fd: number): Promise<void> {
    const { files, directories } = this.#context;
    try {
      await files.syncData(fd);
      if (this.#unsyncedFolders.length === 0) return;
      await directories.sync(this.#unsyncedFolders);
      this.#unsyncedFolders = [];
    } catch (error) {
      throw writerLost(this.#threadId, "a sync failed", error);
    }
  }
}

/** Throws `thread_exists` when a file of another name is the thread's: another process made the thread meanwhile. */
export async function refuseRivals(context: Pick<RolloutFileContext, "named">, own: RolloutPlace): Promise<void> {
  const { threadId } = own;
  const rival = (await context.named(threadId)).find((path) => path !== own.path);
  if (rival !== undefined)
    throw rejection("thread_exists", `thread ${threadId} exists: ${rival}`, { threadId, path: rival });
}
