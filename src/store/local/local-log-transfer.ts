/**
 * Threads that leave a home and come into one, as rollout files: what Codex can read too, under the names it would
 * give them. A home that runs on meanwhile is read as it stands; what another process is in the middle of appending
 * is left out, as it is for every reader.
 */
import type { Clock, Logger } from "../../base/index.ts";
import { requireThreadId } from "../call-check.ts";
import type { LogTransfer, TransferThread } from "../log-transfer.ts";
import type { AsideFile } from "./aside-files.ts";
import { type FileSystem, isMissing } from "./file-system.ts";
import { createIntake } from "./incoming-rollouts.ts";
import { lineParts } from "./line-parts.ts";
import { attempt, createLocalContext, type LocalContext } from "./local-context.ts";
import { checkHome, localSettings } from "./local-options.ts";
import { notARollout, threadNotFound } from "./rollout-access.ts";
import { readHead } from "./rollout-head.ts";
import { createRolloutShelf, type RolloutShelf, type ShelvedRollout } from "./rollout-shelf.ts";
import { inspectTail } from "./rollout-tail.ts";

/** Which home, and how it is used. */
export interface LocalLogTransferOptions {
  /** The home's folder; made when the first thread comes in. A Codex home works. */
  readonly home: string;
  /** Nobody but exports writes there, so a thread may be replaced by a newer state of it. Default false. */
  readonly isExport?: boolean;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Time of what is written beside the logs. Default: the system's. */
  readonly clock?: Clock;
  /** The disk. Default: the real one. */
  readonly fileSystem?: FileSystem;
}

/** Threads in one answer. */
const PAGE_THREADS = 1_000;

/** Opens a home for moving. Nothing is written until a thread comes in. `home_unusable`, `permission_denied`, `invalid_argument`. */
export async function openLocalLogTransfer(options: LocalLogTransferOptions): Promise<LogTransfer> {
  const { isExport = false, ...rest } = options;
  const settings = localSettings(rest);
  await checkHome(settings);
  const context = createLocalContext(settings);
  const shelf = createRolloutShelf(context);
  const toThread = async ({ threadId, entry, size }: ShelvedRollout): Promise<TransferThread> => {
    const name = (await context.index.names()).get(threadId);
    return { threadId, archived: entry.archived, name, sizeHint: size };
  };
  const intake = createIntake(context, shelf);
  const transfer: LogTransfer = {
    place: settings.home,
    threads: (after) =>
      attempt("list the threads of the home", async () => {
        if (after === null) await shelf.look();
        const page = (await shelf.all()).filter(({ threadId }) => after === null || threadId > after);
        return Promise.all(page.slice(0, PAGE_THREADS).map(toThread));
      }),
    thread: (id) =>
      attempt("look for a thread", async () => {
        const [found] = await shelf.find(requireThreadId(id));
        return found === undefined ? undefined : await toThread(found);
      }),
    readLog: (id) => readLog(context, shelf, requireThreadId(id)),
    writeLog: (thread) => intake(thread, "new"),
  };
  return isExport ? { ...transfer, replaceLog: (thread) => intake(thread, "replacing") } : transfer;
}

async function* readLog(
  { files }: Pick<LocalContext, "files">,
  shelf: RolloutShelf,
  threadId: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const rollout = await attempt(`open thread ${threadId}`, () => openThread({ files, shelf }, threadId));
  try {
    const { fd, path } = rollout;
    const parts = await attempt(`read ${path}`, async () => {
      const tail = await inspectTail(files, fd, files.fstat(fd).size);
      const head = await readHead(files, { ...rollout, ...tail, stat: files.fstat(fd), index: undefined });
      if (head === undefined) throw notARollout(path, "it does not start with a session_meta");
      return lineParts(files, { fd, path, ...tail });
    });
    for (;;) {
      const next = await attempt(`read ${path}`, () => parts.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await files.close(rollout.fd);
  }
}

/** Opens the thread's file, wherever it was moved meanwhile. */
async function openThread(
  { files, shelf }: { readonly files: FileSystem; readonly shelf: RolloutShelf },
  threadId: string,
): Promise<AsideFile> {
  for (const isSecond of [false, true]) {
    if (isSecond) await shelf.look();
    const [found] = await shelf.find(threadId);
    if (found === undefined) continue;
    try {
      return { fd: await files.open(found.entry.path, "read"), path: found.entry.path };
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  throw threadNotFound(threadId);
}
