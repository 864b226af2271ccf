/**
 * Checkpoints as files of a home: `skein-checkpoints/NAME/THREAD.json`, beside the threads they are about. Programs
 * that don't know the folder don't look at it. A file is written anew beside its place, synced, and moved there, so
 * a power cut leaves the old position or the new one.
 *
 * A file that can't be read is left where it is, and named in the error: nobody starts over before a person looked
 * at it, or deleted the checkpoint.
 */
import { join } from "node:path";

import {
  type Clock,
  createIdSource,
  fault,
  faultFromSystem,
  type IdSource,
  isSkeinError,
  type Logger,
  silentLogger,
  systemClock,
  systemCode,
} from "../base/index.ts";
import { type FileSystem, nodeFileSystem } from "../store/local/index.ts";
import { CheckpointLanes } from "./checkpoint-lanes.ts";
import {
  type CheckpointKey,
  type CheckpointStore,
  isCheckpointName,
  requireCheckpointName,
} from "./checkpoint-store.ts";

/** Where checkpoints are kept. */
export interface CheckpointFilesOptions {
  /** Folder of the home; it exists. */
  readonly home: string;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Names files that are being written. Default: random. */
  readonly ids?: IdSource;
  /** Default: silent. */
  readonly logger?: Logger;
  /** The disk. Default: the real one. */
  readonly files?: FileSystem;
}

const FOLDER = "skein-checkpoints";
/** Where files are written before they are moved to their place; no checkpoint's name begins so. */
const WRITING = ".writing";
/** A file that was being written this long ago, milliseconds, was left behind by a process that died. */
const LEFT_BEHIND_MS = 3_600_000;
/** Longest file that is a checkpoint: a name of 128 characters, an id and a number fit several times. */
const FILE_BYTES_MAX = 4_096;

/** Opens a home's checkpoints. Nothing is made before the first is kept; there is nothing to close. */
export async function openCheckpointFiles(options: CheckpointFilesOptions): Promise<CheckpointStore> {
  const store = new CheckpointFiles(options);
  await store.removeLeftBehind();
  return store;
}

class CheckpointFiles implements CheckpointStore {
  readonly #home: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #ids: IdSource;
  readonly #logger: Logger;
  readonly #files: FileSystem;
  readonly #lanes = new CheckpointLanes();

  constructor({ home, clock = systemClock, ids, logger = silentLogger, files }: CheckpointFilesOptions) {
    this.#home = home;
    this.#root = join(home, FOLDER);
    this.#clock = clock;
    this.#ids = ids ?? createIdSource(clock);
    this.#logger = logger;
    this.#files = files ?? nodeFileSystem;
  }

  async read(key: CheckpointKey): Promise<number | null> {
    return await this.#lanes.run(key, () => this.#attempt("read", key, () => this.#readFile(key)));
  }

  async save(key: CheckpointKey, nextOrdinal: number): Promise<void> {
    await this.#lanes.save(key, nextOrdinal, (highest) =>
      this.#attempt("keep", key, async () => {
        const kept = await this.#readFile(key);
        if (kept === null || kept < highest) await this.#writeFile(key, highest);
      }),
    );
  }

  async delete(key: CheckpointKey): Promise<void> {
    await this.#lanes.run(key, () => this.#attempt("delete", key, () => this.#unlink(key)));
  }

  async deleteThread(threadId: string): Promise<void> {
    for (const { name, kind } of await this.#readFolder(this.#root)) {
      if (kind === "directory" && isCheckpointName(name)) await this.delete({ name, threadId });
    }
  }

  /** Files that were being written when a process died. What can't be removed stays, and harms nobody. */
  async removeLeftBehind(): Promise<void> {
    const folder = join(this.#root, WRITING);
    try {
      for (const { name } of await this.#readFolder(folder)) {
        const stat = await this.#files.stat(join(folder, name));
        const ageMs = stat === undefined ? 0 : this.#clock.nowMs() - Number(stat.modifiedNs / 1_000_000n);
        if (ageMs > LEFT_BEHIND_MS) await this.#files.unlink(join(folder, name));
      }
    } catch (error) {
      this.#logger.warn({ error, folder }, "checkpoint files that were left behind could not be removed");
    }
  }

  async #attempt<Value>(verb: string, key: CheckpointKey, work: () => Promise<Value>): Promise<Value> {
    requireCheckpointName(key.name);
    try {
      return await work();
    } catch (error) {
      // A bug stays a bug: told as a fault, it would be looked for in the disk.
      if (isSkeinError(error) || systemCode(error) === undefined) throw error;
      this.#logger.error({ error, ...key }, "a checkpoint's file failed");
      throw faultFromSystem(error, `${verb} the checkpoint ${key.name}`, { path: this.#pathOf(key) });
    }
  }

  #folderOf({ name }: CheckpointKey): string {
    return join(this.#root, name);
  }

  #pathOf(key: CheckpointKey): string {
    return join(this.#folderOf(key), `${key.threadId}.json`);
  }

  async #readFile(key: CheckpointKey): Promise<number | null> {
    const path = this.#pathOf(key);
    const text = await this.#readText(path);
    if (text === null) return null;
    const nextOrdinal = positionIn(text, key);
    if (nextOrdinal !== null) return nextOrdinal;
    this.#logger.error({ path, ...key }, "a checkpoint's file can't be read");
    const remedy = "look at it, or delete the checkpoint to begin anew";
    throw fault("checkpoint_unreadable", `the checkpoint file ${path} is not what was written: ${remedy}`, {
      data: { path, checkpoint: key.name, threadId: key.threadId },
    });
  }

  async #readText(path: string): Promise<string | null> {
    let fd: number;
    try {
      fd = await this.#files.open(path, "read");
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    try {
      const bytes = Buffer.alloc(FILE_BYTES_MAX);
      let length = 0;
      for (;;) {
        const count = await this.#files.read(fd, bytes.subarray(length), length);
        length += count;
        if (count === 0 || length === FILE_BYTES_MAX) return bytes.toString("utf8", 0, length);
      }
    } finally {
      await this.#files.close(fd);
    }
  }

  async #writeFile(key: CheckpointKey, nextOrdinal: number): Promise<void> {
    const { name, threadId } = key;
    const text = `${JSON.stringify({ checkpoint: name, threadId, nextOrdinal })}\n`;
    const folder = this.#folderOf(key);
    const written = await this.#writeAside(Buffer.from(text));
    try {
      await this.#inFolder(folder, () => this.#files.rename(written, this.#pathOf(key)));
    } catch (error) {
      await this.#dropAside(written);
      throw error;
    }
    await this.#files.syncDirectory(folder);
  }

  /** Writes a new file that is complete on the disk, and answers where it is. */
  async #writeAside(bytes: Uint8Array): Promise<string> {
    const folder = join(this.#root, WRITING);
    const path = join(folder, this.#ids.next());
    const fd = await this.#inFolder(folder, () => this.#files.open(path, "create"));
    try {
      try {
        await this.#writeAll(fd, bytes);
        await this.#files.syncData(fd);
      } finally {
        await this.#files.close(fd);
      }
    } catch (error) {
      await this.#dropAside(path);
      throw error;
    }
    return path;
  }

  async #writeAll(fd: number, bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.byteLength) {
      const count = await this.#files.write(fd, bytes.subarray(written));
      if (count <= 0) throw fault("io_error", "the disk took no bytes", { retryable: true });
      written += count;
    }
  }

  async #dropAside(path: string): Promise<void> {
    try {
      await this.#files.unlink(path);
    } catch (error) {
      this.#logger.warn({ error, path }, "a checkpoint file that was not finished stays behind");
    }
  }

  async #unlink(key: CheckpointKey): Promise<void> {
    try {
      await this.#files.unlink(this.#pathOf(key));
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    await this.#files.syncDirectory(this.#folderOf(key));
  }

  /** Does it, and makes the folder first where it is missing. */
  async #inFolder<Value>(folder: string, work: () => Promise<Value>): Promise<Value> {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    await this.#makeFolder(this.#root, this.#home);
    await this.#makeFolder(folder, this.#root);
    return await work();
  }

  /** The name of a folder is only kept when the folder above is synced. */
  async #makeFolder(folder: string, above: string): Promise<void> {
    try {
      await this.#files.makeDirectory(folder);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") throw error;
    }
    await this.#files.syncDirectory(above);
  }

  async #readFolder(folder: string): ReturnType<FileSystem["readDirectory"]> {
    try {
      return await this.#files.readDirectory(folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw faultFromSystem(error, "look through the checkpoints", { path: folder });
    }
  }
}

/** The position that the text of this checkpoint's file holds; null when it is not one, or another's. */
function positionIn(text: string, { name, threadId }: CheckpointKey): number | null {
  const file = parse(text);
  if (typeof file !== "object" || file === null) return null;
  const { checkpoint, threadId: whose, nextOrdinal } = file as { readonly [member: string]: unknown };
  // Where case makes no difference to names of files, two names are one file.
  if (checkpoint !== name || whose !== threadId) return null;
  return Number.isSafeInteger(nextOrdinal) && (nextOrdinal as number) >= 0 ? (nextOrdinal as number) : null;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Torn, or written by somebody else: who asked says which file it is.
    return null;
  }
}

function isMissing(error: unknown): boolean {
  return systemCode(error) === "ENOENT";
}
