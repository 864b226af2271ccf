/**
 * What a local store is opened with, its defaults, and the first look at the home: a wrong one is said
 * at once, with what to do, and not at the first write.
 */
import { dirname, resolve } from "node:path";

import {
  type Clock,
  createIdSource,
  fault,
  type IdSource,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
} from "../../base/index.ts";
import type { ThreadIndex } from "../thread-index.ts";
import { diskFault } from "./disk-fault.ts";
import { type FileSystem, nodeFileSystem } from "./file-system.ts";

/** How a local store is opened. */
export interface LocalThreadStoreOptions {
  /** The home's folder; made when the first thread is stored. A Codex home works. */
  readonly home: string;
  /** What an append is acknowledged with. Default `fsync`: it survives a power cut. `os`: a killed process. */
  readonly durability?: "fsync" | "os";
  /** Time of what is written. Default: the system's. */
  readonly clock?: Clock;
  /** Makes thread ids. Default: UUIDv7 over the clock. */
  readonly ids?: IdSource;
  /** Default: silent. */
  readonly logger?: Logger;
  /** The disk. Default: the real one; others inject its faults. */
  readonly fileSystem?: FileSystem;
  /**
   * The home's state DB: lists, search, pages and resume then cost what is asked for, and a thread has one
   * writer among all processes that use it. Default: none, everything is read from the files. Who opened it
   * closes it, after the store.
   */
  readonly stateDb?: ThreadIndex;
  /** Rollouts held open at once, 1 or more. Default 512; threads beyond it are opened again when written to. */
  readonly openFilesMax?: number;
}

/** The options with every default filled in; `home` is absolute. */
export type LocalSettings = Required<Omit<LocalThreadStoreOptions, "stateDb">> & {
  readonly stateDb: ThreadIndex | null;
};

const OPEN_FILES_MAX = 512;

/** Fills in the defaults. `invalid_argument`. */
export function localSettings(options: LocalThreadStoreOptions): LocalSettings {
  const { home, durability = "fsync", clock = systemClock, openFilesMax = OPEN_FILES_MAX } = options;
  if (typeof home !== "string" || home === "") throw rejection("invalid_argument", "home must name a folder");
  if (durability !== "fsync" && durability !== "os") {
    throw rejection("invalid_argument", "durability must be fsync or os");
  }
  if (!Number.isSafeInteger(openFilesMax) || openFilesMax < 1) {
    throw rejection("invalid_argument", "openFilesMax must be a whole number of 1 or more");
  }
  const stateDb = options.stateDb ?? null;
  if (stateDb !== null && stateDb.home !== resolve(home)) {
    throw rejection("invalid_argument", `the state DB is of the home ${stateDb.home}, not of ${resolve(home)}`);
  }
  return {
    stateDb,
    home: resolve(home),
    durability,
    clock,
    ids: options.ids ?? createIdSource(clock),
    logger: options.logger ?? silentLogger,
    fileSystem: options.fileSystem ?? nodeFileSystem,
    openFilesMax,
  };
}

/** Whether a folder above a home that isn't there yet is no folder, so that it can never be made. */
async function isBelowFile(home: string, files: FileSystem): Promise<boolean> {
  for (let path = dirname(home); ; path = dirname(path)) {
    const stat = await files.stat(path);
    if (stat !== undefined) return stat.kind !== "directory";
    if (path === dirname(path)) return false;
  }
}

/** Looks whether the home can be used; it need not exist yet. `home_unusable`, `permission_denied`. */
export async function checkHome({ home, fileSystem }: LocalSettings): Promise<void> {
  let stat: Awaited<ReturnType<FileSystem["stat"]>>;
  try {
    stat = await fileSystem.stat(home);
    if (stat?.kind === "directory") await fileSystem.readDirectory(home);
  } catch (error) {
    throw diskFault(error, `look into the home ${home}; check who may read it`, { home });
  }
  const isInTheWay = stat === undefined && (await isBelowFile(home, fileSystem));
  if (isInTheWay || (stat !== undefined && stat.kind !== "directory")) {
    throw fault("home_unusable", `the home ${home} is not a folder; name another one with --home or SKEIN_HOME`, {
      data: { home },
    });
  }
}
