/**
 * When the process has no file descriptor left, the rollouts that are held open but idle are closed and the
 * call is made once more. So threads that are only loaded never keep another one from being written.
 */
import { systemCode } from "../../base/index.ts";
import type { FileSystem } from "./file-system.ts";

/** Closes what is idle; answers how many files that were. */
export type CloseIdle = () => Promise<number>;

/** The same disk; calls that open something try again after `closeIdle` closed something. */
export function withDescriptorRelief(files: FileSystem, closeIdle: CloseIdle): FileSystem {
  const relieved = async <Value>(call: () => Promise<Value>): Promise<Value> => {
    try {
      return await call();
    } catch (error) {
      if (!isOutOfDescriptors(error) || (await closeIdle()) === 0) throw error;
    }
    return await call();
  };
  return {
    ...files,
    open: (path, mode) => relieved(() => files.open(path, mode)),
    readDirectory: (path) => relieved(() => files.readDirectory(path)),
    syncDirectory: (path) => relieved(() => files.syncDirectory(path)),
  };
}

function isOutOfDescriptors(error: unknown): boolean {
  const code = systemCode(error);
  return code === "EMFILE" || code === "ENFILE";
}
