/**
 * `skein repair`: does to every rollout of a home what its next append would do first: cuts a torn tail,
 * keeping it aside, or writes a missing newline; and removes forks that were never finished, an hour after they
 * were last written to. Nothing else is touched; files that are no rollouts are left alone. A file that changes
 * meanwhile is left as it is.
 */
import { resolve } from "node:path";

import {
  type Clock,
  fault,
  faultFromSystem,
  isSkeinError,
  type Logger,
  silentLogger,
  systemClock,
} from "../../base/index.ts";
import { type FileSystem, nodeFileSystem } from "./file-system.ts";
import { FORK_SUFFIX } from "./fork-copier.ts";
import { type RolloutEntry, walkHome } from "./home-walk.ts";
import { checkHome, localSettings } from "./local-options.ts";
import { createRolloutAccess, type ReadableRollout, type RolloutAccess } from "./rollout-access.ts";
import { readHead } from "./rollout-head.ts";
import { type HomePaths, homePaths } from "./rollout-path.ts";
import { cutTornTail } from "./tail-repair.ts";
import { writeAll } from "./write-all.ts";

/** What to repair, and how. */
export interface RepairHomeOptions {
  readonly home: string;
  /** Only say what would be done. Default false. */
  readonly dryRun?: boolean;
  /** Called after each file, and once before the first. */
  readonly onProgress?: (progress: { readonly filesDone: number; readonly filesTotal: number }) => void;
  /** Ends the repair between two files. */
  readonly signal?: AbortSignal;
  readonly logger?: Logger;
  /** Tells how old an unfinished fork is. Default: the system's. */
  readonly clock?: Clock;
  /** Default: the real disk. */
  readonly fileSystem?: FileSystem;
}

/** What was done to one file, or would be. */
export interface RepairAction {
  readonly action: "cut_tail" | "add_newline" | "remove_fork";
  readonly path: string;
  /** Null for an unfinished fork: no thread came of it. */
  readonly threadId: string | null;
  /** Where the file ends afterwards, or where the newline goes. */
  readonly offset: number;
  /** Bytes cut or added. */
  readonly bytes: number;
  /** Where the cut bytes are kept; null when nothing was cut. */
  readonly keptAt: string | null;
  readonly isDone: boolean;
  /** Why it was not done although it should have been. */
  readonly failure: string | null;
}

/** Repairs a home, and gives what it does as it does it. `home_unusable`, `permission_denied`; the signal's reason. */
export async function* repairHome(options: RepairHomeOptions): AsyncGenerator<RepairAction, void, undefined> {
  const { onProgress, signal, logger = silentLogger, fileSystem: files = nodeFileSystem } = options;
  await checkHome(localSettings({ home: options.home, fileSystem: files, clock: systemClock }));
  const paths = homePaths(resolve(options.home));
  const entries = await walkHome(files, paths);
  const context = { files, logger, paths, access: createRolloutAccess(files, () => undefined) };
  for (const [index, entry] of entries.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ filesDone: index, filesTotal: entries.length });
    const planned = await plan(context, entry);
    if (planned === undefined) continue;
    yield options.dryRun === true ? planned.action : await carryOut(context, planned);
  }
  for (const { path } of await walkHome(files, paths, FORK_SUFFIX)) {
    const stat = await files.stat(path);
    const writtenMs = Number((stat?.modifiedNs ?? 0n) / 1_000_000n);
    if (stat === undefined || (options.clock ?? systemClock).nowMs() - writtenMs < FORK_AGE_MS) continue;
    yield await removeFork(files, { path, bytes: stat.size, dryRun: options.dryRun === true });
  }
  onProgress?.({ filesDone: entries.length, filesTotal: entries.length });
}

/** A fork is copied in seconds and written to all the while; one left alone for so long is nobody's. */
const FORK_AGE_MS = 3_600_000;

async function removeFork(
  files: FileSystem,
  { path, bytes, dryRun }: { readonly path: string; readonly bytes: number; readonly dryRun: boolean },
): Promise<RepairAction> {
  const planned = { action: "remove_fork", path, threadId: null, offset: 0, bytes, keptAt: null } as const;
  if (dryRun) return { ...planned, isDone: false, failure: null };
  try {
    await files.unlink(path);
    return { ...planned, isDone: true, failure: null };
  } catch (error) {
    return { ...planned, isDone: false, failure: faultFromSystem(error, "remove the file").message };
  }
}

interface Planned {
  readonly action: RepairAction;
  readonly tail: Pick<ReadableRollout, "end" | "tornBytes" | "lacksNewline">;
  readonly size: number;
}

interface RepairContext {
  readonly files: FileSystem;
  readonly access: RolloutAccess;
  readonly logger: Logger;
  readonly paths: HomePaths;
}

async function plan({ files, access, logger }: RepairContext, { path }: RolloutEntry): Promise<Planned | undefined> {
  try {
    return await access.open(path, async (rollout) => {
      const { end, tornBytes, lacksNewline, stat } = rollout;
      if (tornBytes === 0 && !lacksNewline) return undefined;
      const head = await readHead(files, rollout);
      if (head === undefined) return undefined;
      const threadId = head.meta.id.toLowerCase();
      const rest = { path, threadId, offset: end, keptAt: null, isDone: false, failure: null };
      const action: RepairAction =
        tornBytes > 0
          ? { action: "cut_tail", bytes: tornBytes, ...rest }
          : { action: "add_newline", bytes: 1, ...rest };
      return { action, tail: { end, tornBytes, lacksNewline }, size: stat.size };
    });
  } catch (error) {
    logger.warn({ error, path }, "left a file as it is: it can't be read");
    return undefined;
  }
}

async function carryOut(
  { files, logger, paths }: RepairContext,
  { action, tail, size }: Planned,
): Promise<RepairAction> {
  const { path } = action;
  try {
    const fd = await files.open(path, "append");
    try {
      const keptAt =
        tail.tornBytes > 0
          ? await cutTornTail(files, logger, { fd, path, tail, tornFolder: paths.torn })
          : await addNewline(files, fd, size);
      await files.syncData(fd);
      return { ...action, keptAt, isDone: true };
    } finally {
      await files.close(fd);
    }
  } catch (error) {
    const { message } = isSkeinError(error) ? error : faultFromSystem(error, "repair the file");
    return { ...action, failure: message };
  }
}

async function addNewline(files: FileSystem, fd: number, expectedBytes: number): Promise<null> {
  if (files.fstat(fd).size !== expectedBytes) {
    throw fault("writer_fenced", "the file is being written to; it was left as it is");
  }
  const { failure } = await writeAll(files, fd, Buffer.from("\n"));
  if (failure !== null) throw failure.error;
  return null;
}
