/**
 * Cuts a torn tail, keeping its bytes aside first: `<home>/skein/torn/<file name>.<offset>.torn`. The
 * copy is synced before the cut, so that a crash between the two loses nothing; cutting twice finds the
 * copy and goes on.
 */
import { basename, dirname, join } from "node:path";

import { fault, type Logger, systemCode } from "../../base/index.ts";
import { readExactly } from "./backward-lines.ts";
import { createDirectoryMaker } from "./directory-maker.ts";
import type { FileSystem } from "./file-system.ts";
import type { RolloutTail } from "./rollout-tail.ts";
import { writeAll } from "./write-all.ts";

/** The file a tail is cut from, open for appending, and where to keep what is cut. */
export interface TornRollout {
  readonly fd: number;
  readonly path: string;
  readonly tail: RolloutTail;
  /** Folder that keeps cut tails. */
  readonly tornFolder: string;
}

/** Keeps the torn bytes aside and cuts them; answers the path of the copy. */
export async function cutTornTail(files: FileSystem, logger: Logger, torn: TornRollout): Promise<string> {
  const { fd, path, tail, tornFolder } = torn;
  const directories = createDirectoryMaker(files, dirname(dirname(tornFolder)));
  await directories.sync(await directories.make(tornFolder));
  const kept = await keepAside(files, join(tornFolder, `${basename(path)}.${tail.end}`), { fd, tail });
  await files.syncDirectory(tornFolder);
  const expectedBytes = tail.end + tail.tornBytes;
  const { size } = files.fstat(fd);
  if (size !== expectedBytes) {
    throw fault("writer_fenced", `${path} is being written to; its tail was left as it is`, {
      data: { path, expectedBytes, actualBytes: size },
    });
  }
  await files.truncate(fd, tail.end);
  logger.warn(
    { path, offset: tail.end, tornBytes: tail.tornBytes, keptAt: kept },
    "cut a torn tail that no reader counted",
  );
  return kept;
}

/** Tails kept of one file at one offset, before the next is refused: each cut makes one. */
const COPIES_MAX = 1_000;

/** Bytes copied at a time. */
const COPY_BLOCK_BYTES = 1024 * 1024;

async function keepAside(files: FileSystem, stem: string, torn: Pick<TornRollout, "fd" | "tail">): Promise<string> {
  for (let copy = 0; ; copy += 1) {
    const kept = copy === 0 ? `${stem}.torn` : `${stem}.${copy}.torn`;
    try {
      const fd = await files.open(kept, "create");
      let isKept = false;
      try {
        await copyTail(files, torn, fd);
        await files.syncData(fd);
        isKept = true;
      } finally {
        await files.close(fd);
        // Half a copy is none: left there, each try on a full disk would add one more.
        if (!isKept) await files.unlink(kept);
      }
      return kept;
    } catch (error) {
      if (systemCode(error) !== "EEXIST" || copy >= COPIES_MAX) throw error;
    }
  }
}

async function copyTail(
  files: FileSystem,
  { fd, tail }: Pick<TornRollout, "fd" | "tail">,
  toFd: number,
): Promise<void> {
  for (let done = 0; done < tail.tornBytes; done += COPY_BLOCK_BYTES) {
    const size = Math.min(COPY_BLOCK_BYTES, tail.tornBytes - done);
    const { failure } = await writeAll(files, toFd, await readExactly(files, { fd, from: tail.end + done, size }));
    if (failure !== null) throw failure.error;
  }
}
