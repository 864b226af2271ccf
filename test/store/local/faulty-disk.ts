/**
 * A disk with planned faults over the real one: short writes, errors after so many bytes, failing syncs,
 * and a crash after so many bytes, past which nothing reaches the disk any more. It counts what the store
 * asks for, so a test can say how many syncs or reads something costs.
 */
import { nodeFileSystem } from "../../../src/store/local/index.ts";
import type { FileSystem } from "../../../src/store/local/index.ts";

/** Faults to come; each is used up. */
export interface DiskFaults {
  /** Longest single write, bytes. */
  writeBytesMax: number;
  /** Bytes that may still be written before writes fail with `writeError`. */
  bytesLeft: number;
  writeError: string;
  /** After `bytesLeft` every call fails, also truncates and syncs: the machine is gone. */
  isCrash: boolean;
  /** Syncs of data that fail with EIO, from the next one on. */
  syncFailures: number;
  truncateFailures: number;
}

export interface FaultyDisk extends FileSystem {
  readonly faults: DiskFaults;
  /** Calls by name since the start. */
  readonly calls: Record<string, number>;
}

/** A system error as Node throws it. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** A disk without faults, until some are planned. */
export function faultyDisk(): FaultyDisk {
  const faults: DiskFaults = {
    writeBytesMax: Number.POSITIVE_INFINITY,
    bytesLeft: Number.POSITIVE_INFINITY,
    writeError: "ENOSPC",
    isCrash: false,
    syncFailures: 0,
    truncateFailures: 0,
  };
  const calls: Record<string, number> = {};
  const isGone = (): boolean => faults.isCrash && faults.bytesLeft <= 0;
  const called = (name: string): void => {
    calls[name] = (calls[name] ?? 0) + 1;
    if (isGone() && name !== "close") throw systemError("EIO");
  };
  const overrides: Partial<FileSystem> = {
    write(fd, bytes) {
      called("write");
      const taken = Math.min(bytes.byteLength, faults.writeBytesMax, faults.bytesLeft);
      if (taken <= 0) throw systemError(faults.writeError);
      faults.bytesLeft -= taken;
      return nodeFileSystem.write(fd, bytes.subarray(0, taken));
    },
    async syncData(fd) {
      called("syncData");
      if (faults.syncFailures > 0) {
        faults.syncFailures -= 1;
        throw systemError("EIO");
      }
      await nodeFileSystem.syncData(fd);
    },
    async truncate(fd, size) {
      called("truncate");
      if (faults.truncateFailures > 0) {
        faults.truncateFailures -= 1;
        throw systemError("EIO");
      }
      await nodeFileSystem.truncate(fd, size);
    },
  };
  const counted = Object.fromEntries(
    Object.entries(nodeFileSystem)
      .filter(([name]) => !(name in overrides))
      .map(([name, call]: [string, (...args: never[]) => unknown]) => [
        name,
        (...args: never[]) => {
          called(name);
          return call(...args);
        },
      ]),
  );
  return { ...nodeFileSystem, ...counted, ...overrides, faults, calls };
}
