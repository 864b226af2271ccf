/**
 * Moves a file to a name that must be free, also when another process wants the same name at the same moment:
 * the file is linked under the new name, which fails when there is one, and then loses the old one. A crash
 * between the two leaves one file under both names; moving it again finishes the move.
 *
 * Where the file system has no links it is looked at and renamed, which two processes can do at once.
 */
import { systemCode } from "../../base/index.ts";
import { type FileSystem, isMissing } from "./file-system.ts";

/** What is moved, and how. */
export interface ExclusiveMove {
  readonly from: string;
  readonly to: string;
  /** Makes the new name durable, where it is to be; called before the old one goes. */
  sync(): Promise<void>;
}

/** Answers of file systems that can't link, or not this file. */
const LINKLESS: ReadonlySet<string | undefined> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
  "EXDEV",
]);

/** Moves the file; false, and nothing is changed, when the name is taken by another one. */
export async function moveExclusively(files: FileSystem, move: ExclusiveMove): Promise<boolean> {
  const { from, to } = move;
  try {
    await files.link(from, to);
  } catch (error) {
    const code = systemCode(error);
    const isTaken = code === "EEXIST" || (LINKLESS.has(code) && (await files.stat(to)) !== undefined);
    if (isTaken && !(await isOneFile(files, from, to))) return false;
    if (!isTaken && !LINKLESS.has(code)) throw error;
    if (!isTaken) {
      await files.rename(from, to);
      await move.sync();
      return true;
    }
  }
  await move.sync();
  await removeName(files, from);
  return true;
}

async function isOneFile(files: FileSystem, one: string, other: string): Promise<boolean> {
  const [a, b] = [await files.stat(one), await files.stat(other)];
  return a !== undefined && a.inode === b?.inode;
}

async function removeName(files: FileSystem, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    // Another process finished the same move.
    if (!isMissing(error)) throw error;
  }
}
