/**
 * Files of threads that come in: written aside, among the rollouts but under names that no reader takes for one, and
 * linked to their place when they are whole. A name says which process of which machine writes it, so that what a
 * killed one left can be told and removed; what nobody can tell of is repair's, an hour later.
 */
import { hostname } from "node:os";
import { join } from "node:path";

import type { Logger } from "../../base/index.ts";
import { systemCode } from "../../base/index.ts";
import { type FileSystem, isMissing } from "./file-system.ts";
import { FORK_SUFFIX } from "./fork-copier.ts";

/** A file that is being written. */
export interface AsideFile {
  readonly fd: number;
  readonly path: string;
}

/** Files aside in one folder. */
export interface AsideFiles {
  /** Makes an empty one. */
  open(threadId: string): Promise<AsideFile>;
  /** Removes those whose writers are gone. Never rejects: they harm nobody. */
  sweep(): Promise<void>;
}

/** Names tried where some are taken. */
const NAMES_MAX = 100;
const MACHINE = hostname().replaceAll(/[^A-Za-z0-9-]/g, "_");
const NAME = /^[0-9a-f-]{36}\.([A-Za-z0-9_-]+)\.(\d+)-\d+$/;

/** Files aside in a folder that is there by the time of the first. */
export function createAsideFiles(files: FileSystem, logger: Logger, folder: string): AsideFiles {
  return {
    async open(threadId) {
      for (let n = 0; ; n += 1) {
        const path = join(folder, `${threadId}.${MACHINE}.${process.pid}-${n}${FORK_SUFFIX}`);
        try {
          return { fd: await files.open(path, "create"), path };
        } catch (error) {
          if (systemCode(error) !== "EEXIST" || n >= NAMES_MAX) throw error;
        }
      }
    },
    async sweep() {
      try {
        for (const { name } of await files.readDirectory(folder)) {
          if (!isLeftBehind(name)) continue;
          logger.info({ name }, "removed what a killed process left of a thread that was to come in");
          await files.unlink(join(folder, name));
        }
      } catch (error) {
        if (!isMissing(error)) logger.debug({ error, folder }, "could not look for files that were left behind");
      }
    },
  };
}

function isLeftBehind(name: string): boolean {
  if (!name.endsWith(FORK_SUFFIX)) return false;
  const [, machine, pid] = NAME.exec(name.slice(0, -FORK_SUFFIX.length)) ?? [];
  return machine === MACHINE && pid !== undefined && Number(pid) !== process.pid && !isRunning(Number(pid));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}
