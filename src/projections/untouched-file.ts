/**
 * Where a state DB can be read so that nothing in its folder changes, also not the two files that SQLite makes
 * beside a database whenever it reads one. Where a process has it open they are there, and it is read where it
 * lies; where nobody has, a copy is read. So a home that can't be written can be looked into too.
 */
import { constants, copyFileSync, mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { STATE_DB_FILE_NAME } from "./state-db-file.ts";

/** A path to read from. */
export interface UntouchedFile {
  readonly path: string;
  /** Removes the copy, if it is one. */
  release(): void;
}

/** A larger one is read where it lies: copying it takes longer than anybody waits for a report. */
const COPY_BYTES_MAX = 1024 * 1024 * 1024;

/** Gives the path, of the file itself or of a copy. Throws the system's errors. */
export function takeUntouched(path: string): UntouchedFile {
  const real = realpathSync(path);
  const itself = { path: real, release: () => {} };
  const stat = statSync(real);
  if (isThere(`${real}-shm`) || stat.size > COPY_BYTES_MAX || !stat.isFile()) return itself;
  const folder = mkdtempSync(join(tmpdir(), "skein-look-"));
  const release = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, STATE_DB_FILE_NAME);
    const before = markOf(real);
    for (const end of ["", "-wal"]) {
      if (isThere(real + end)) copyFileSync(real + end, copy + end, constants.COPYFILE_FICLONE);
    }
    // Who opened it meanwhile may have written: then the copy is half of one thing and half of another.
    if (before === markOf(real) && !isThere(`${real}-shm`)) return { path: copy, release };
  } catch (error) {
    release();
    throw error;
  }
  release();
  return itself;
}

function markOf(path: string): string {
  const marks = [path, `${path}-wal`].map((part) => statSync(part, { throwIfNoEntry: false, bigint: true }));
  return marks.map((stat) => `${stat?.ino}:${stat?.size}:${stat?.mtimeNs}`).join(" ");
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
