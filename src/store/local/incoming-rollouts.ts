/**
 * A thread that comes into a home: written aside, looked at as every reader will, synced, and linked to its place, so
 * that a kill leaves it whole or not at all. Its name is in the session index before that: a thread that is there has
 * its name. Where it replaces one, the name of the file is given to the new one in one step.
 */
import { basename, dirname, join } from "node:path";

import { canonicalThreadId, rejection } from "../../base/index.ts";
import { threadMetadataFold } from "../../events/index.ts";
import { requireThreadId } from "../call-check.ts";
import { createLogMeter } from "../log-digest.ts";
import type { IncomingThread, TransferredThread } from "../log-transfer.ts";
import { type AsideFile, type AsideFiles, createAsideFiles } from "./aside-files.ts";
import { moveExclusively } from "./exclusive-move.ts";
import { type FileSystem, isMissing } from "./file-system.ts";
import { attempt, type LocalContext } from "./local-context.ts";
import { notARollout, threadNotFound } from "./rollout-access.ts";
import { readHead } from "./rollout-head.ts";
import { newRolloutPath } from "./rollout-path.ts";
import type { RolloutShelf, ShelvedRollout } from "./rollout-shelf.ts";
import { inspectTail, newestRecordMs } from "./rollout-tail.ts";
import { writeAll } from "./write-all.ts";

/** Takes a thread in, where there is none of its id, or in the place of that one. */
export type Intake = (thread: IncomingThread, how: "new" | "replacing") => Promise<TransferredThread>;

interface Storing {
  readonly context: LocalContext;
  readonly shelf: RolloutShelf;
  readonly aside: AsideFiles;
  /** What the home has of the thread. */
  readonly there: readonly ShelvedRollout[];
}

/** Makes the intake of a home. `thread_exists`, `thread_not_found`, `rollout_unreadable`. */
export function createIntake(context: LocalContext, shelf: RolloutShelf): Intake {
  const { files, directories, paths, settings, lock } = context;
  const aside = createAsideFiles(files, settings.logger, paths.sessions);
  let swept: Promise<void> | undefined;
  return async (thread, how) => {
    const threadId = requireThreadId(thread.threadId);
    return lock.run(threadId, () =>
      attempt(`store thread ${threadId}`, async () => {
        const there = await shelf.find(threadId);
        if (how === "new" && there.length > 0) throw threadExists(threadId, paths.home);
        if (how === "replacing" && there.length === 0) throw threadNotFound(threadId);
        await directories.make(paths.sessions);
        await (swept ??= aside.sweep());
        return await storeThread({ context, shelf, aside, there }, { ...thread, threadId });
      }),
    );
  };
}

async function storeThread(storing: Storing, thread: IncomingThread): Promise<TransferredThread> {
  const { files, settings } = storing.context;
  const file = await storing.aside.open(thread.threadId);
  try {
    const taken = await take(files, file, thread.lines);
    const madeAtMs = await checkTaken(files, file, thread.threadId);
    await files.syncData(file.fd);
    const path = placeFor(storing, thread, madeAtMs);
    await nameThread(storing.context, thread);
    await moveTo(storing, file.path, path);
    const entry = { path, name: basename(path), archived: thread.archived };
    await storing.shelf.put({ threadId: thread.threadId, entry, size: taken.byteCount });
    return taken;
  } catch (error) {
    await files.unlink(file.path).catch((failure: unknown) => {
      settings.logger.debug({ failure, path: file.path }, "a thread that did not come in left nothing to remove");
    });
    throw error;
  } finally {
    await files.close(file.fd);
  }
}

async function take(
  files: FileSystem,
  { fd }: AsideFile,
  lines: AsyncIterable<Uint8Array>,
): Promise<TransferredThread> {
  const meter = createLogMeter();
  for await (const part of lines) {
    const { failure } = await writeAll(files, fd, part);
    if (failure !== null) throw failure.error;
    meter.take(part);
  }
  const { lineCount, byteCount } = meter.end();
  return { lineCount, byteCount };
}

/**
 * Looks at the file as every reader will; answers when its thread was made. The file gets the time of its newest
 * record: Codex orders threads by that.
 */
async function checkTaken(files: FileSystem, { fd, path }: AsideFile, threadId: string): Promise<number> {
  const stat = files.fstat(fd);
  const tail = await inspectTail(files, fd, stat.size);
  const head = await readHead(files, { fd, path, stat, ...tail, index: undefined });
  const what = `what came in as thread ${threadId}`;
  if (head === undefined) throw notARollout(what, "it does not start with a session_meta");
  if (canonicalThreadId(head.meta.id) !== threadId) throw notARollout(what, `it is of thread ${head.meta.id}`);
  if (tail.tornBytes > 0 || tail.lacksNewline) throw notARollout(what, "its last append is torn");
  const { createdAtMs } = threadMetadataFold.step(threadMetadataFold.initial(), head.record);
  const newestMs = Math.max((await newestRecordMs(files, { fd, end: tail.end })) ?? 0, createdAtMs);
  if (newestMs > 0) await files.setModifiedMs(path, newestMs);
  return createdAtMs > 0 ? createdAtMs : newestMs;
}

/** Where the thread's file goes: where it is, if it only grew, else as Codex would name it. */
function placeFor({ context, there }: Storing, { threadId, archived }: IncomingThread, madeAtMs: number): string {
  const { paths } = context;
  const kept = there.find(({ entry }) => entry.archived === archived);
  if (kept !== undefined) return kept.entry.path;
  const path = newRolloutPath(paths, threadId, madeAtMs);
  return archived ? join(paths.archived, basename(path)) : path;
}

async function nameThread({ index }: LocalContext, { threadId, name }: IncomingThread): Promise<void> {
  const before = (await index.names()).get(threadId);
  const after = name ?? (name === null || typeof before === "string" ? null : undefined);
  if (after !== undefined && after !== before) await index.setName(threadId, after);
}

async function moveTo({ context, there }: Storing, from: string, to: string): Promise<void> {
  const { files, directories } = context;
  const folders = [...(await directories.make(dirname(to))), dirname(to)];
  if (there.some(({ entry }) => entry.path === to)) {
    await files.rename(from, to);
    await directories.sync(folders);
  } else {
    const sync = (): Promise<void> => directories.sync(folders);
    if (!(await moveExclusively(files, { from, to, sync }))) throw pathTaken(to);
  }
  // What a replaced thread had elsewhere: in the other folder, or a second copy.
  for (const { entry } of there) {
    if (entry.path === to) continue;
    await removeFile(files, entry.path);
    await directories.sync([dirname(entry.path)]);
  }
}

async function removeFile(files: FileSystem, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

function threadExists(threadId: string, home: string): Error {
  return rejection("thread_exists", `thread ${threadId} is in ${home} already`, { threadId, home });
}

function pathTaken(path: string): Error {
  return rejection("thread_exists", `another file is in the way: ${path}; move it aside`, { path });
}
