/**
 * A disk as one process has it, which can be killed in the middle of whatever it does: calls that are under way have
 * happened or have not, their answers reach nobody, later calls never settle, and what the kernel closes is closed.
 *
 * A disk whose calls end at once would let a process finish everything before anybody could kill it. With `isSlow`
 * each call takes a turn of the event loop, so that which calls happened follows from the turns waited alone.
 */
import type { FileSystem } from "../../../src/store/local/index.ts";

export interface KillableFiles {
  readonly files: FileSystem;
  /** Resolves when the calls under way are over and the descriptors closed. */
  kill(): Promise<void>;
}

const never = (): Promise<never> => new Promise(() => undefined);

function isDead(): Error {
  return Object.assign(new Error("EIO: the process was killed"), { code: "EIO" });
}

export function createKillableFiles(disk: FileSystem, { isSlow = false } = {}): KillableFiles {
  let isKilled = false;
  const underWay = new Set<Promise<unknown>>();
  const open = new Set<number>();

  const call = async <Value>(start: () => Promise<Value> | Value): Promise<Value> => {
    if (isKilled) return never();
    if (isSlow) await new Promise<void>((resolve) => setImmediate(resolve));
    if (isKilled) return never();
    const calling = Promise.resolve(start());
    const ended = calling.then(
      () => undefined,
      () => undefined,
    );
    underWay.add(ended);
    try {
      return isKilled ? await never() : await calling;
    } finally {
      underWay.delete(ended);
      if (isKilled) await never();
    }
  };
  const now = <Value>(effect: () => Value): Value => {
    if (isKilled) throw isDead();
    return effect();
  };

  const files: FileSystem = {
    open: (path, mode) =>
      call(async () => {
        const fd = await disk.open(path, mode);
        open.add(fd);
        return fd;
      }),
    close: (fd) =>
      call(async () => {
        open.delete(fd);
        await disk.close(fd);
      }),
    read: (fd, into, position) => call(() => disk.read(fd, into, position)),
    write: (fd, bytes) => now(() => disk.write(fd, bytes)),
    writeAt: (fd, bytes, position) => now(() => disk.writeAt(fd, bytes, position)),
    truncate: (fd, size) => call(() => disk.truncate(fd, size)),
    syncData: (fd) => call(() => disk.syncData(fd)),
    fstat: (fd) => now(() => disk.fstat(fd)),
    reaches: (fd, position) => now(() => disk.reaches(fd, position)),
    stat: (path) => call(() => disk.stat(path)),
    readDirectory: (path) => call(() => disk.readDirectory(path)),
    makeDirectory: (path) => call(() => disk.makeDirectory(path)),
    syncDirectory: (path) => call(() => disk.syncDirectory(path)),
    link: (existing, path) => call(() => disk.link(existing, path)),
    rename: (from, to) => call(() => disk.rename(from, to)),
    unlink: (path) => call(() => disk.unlink(path)),
    setModifiedMs: (path, modifiedMs) => call(() => disk.setModifiedMs(path, modifiedMs)),
  };
  return {
    files,
    async kill() {
      isKilled = true;
      await Promise.all(underWay);
      for (const fd of open) await disk.close(fd);
      open.clear();
    },
  };
}
