/**
 * How a thread's writer is opened: for a new thread (no file yet), for a fork (a file at once), or on a
 * file that exists. Each is called with the thread's lock held. Opening on a file reads it once, to
 * count its records and to find the idempotency keys in its tail; it changes nothing.
 */
import { rejection, type SkeinError } from "../../base/index.ts";
import { encodeLine, type SessionMeta } from "../../events/index.ts";
import { type AppliedKeys, createAppliedKeys } from "../applied-keys.ts";
import { requireThreadId } from "../call-check.ts";
import { sealLine } from "../line-seal.ts";
import { markCopied } from "../copied-mark.ts";
import { newSessionMeta } from "../new-session-meta.ts";
import type { CreateThreadParams, ForkPoint, NewThreadMetadata, OpenedThread } from "../thread-store.ts";
import { readAppliedKeys } from "./applied-key-reader.ts";
import { copyFork } from "./fork-copier.ts";
import { readText } from "./block-reader.ts";
import { providerOfHome } from "./home-provider.ts";
import type { IndexedFile } from "../thread-index.ts";
import { attempt, type LocalContext, withThread } from "./local-context.ts";
import { countRecords } from "./log-places.ts";
import { createOffsetIndex } from "./offset-index.ts";
import { keepForkWindow } from "./thread-reader.ts";
import { notARollout, type ReadableRollout, threadNotFound } from "./rollout-access.ts";
import { type ExistingRollout, refuseRivals, RolloutFile, type RolloutPlace } from "./rollout-file.ts";
import { readCopiedRecords, readHead } from "./rollout-head.ts";
import { newRolloutPath } from "./rollout-path.ts";
import { RolloutWriter, type RolloutWriterOptions } from "./rollout-writer.ts";
import { fencedByEpoch } from "../writer-faults.ts";

/** Opens a writer for a new thread; its file is made with its first append. `thread_exists`. */
export async function openNew(
  context: LocalContext,
  threadId: string,
  { metadata, threadId: wishedId }: CreateThreadParams,
): Promise<OpenedThread> {
  const createdAtMs = context.settings.clock.nowMs();
  const identity = { threadId, createdAtMs, forkedFromId: null };
  // A copy: it is written with the first append, and until then the caller may change what it passed in.
  const meta = structuredClone(newSessionMeta(identity, await withProvider(context, metadata)));
  if (wishedId !== undefined) await refuseTakenId(context, threadId);
  const path = newRolloutPath(context.paths, threadId, createdAtMs);
  const file = new RolloutFile(context.fileContext, { threadId, path, isIdGiven: wishedId !== undefined }, null);
  const rest = { keys: createAppliedKeys(), index: createOffsetIndex(), nextOrdinal: 1, indexed: null };
  await context.rows?.claims.acquire(threadId);
  const { model_provider: modelProvider } = meta;
  const answer = opened(register(context, { threadId, file, newMeta: meta, ...rest }), 0);
  return modelProvider === undefined || modelProvider === null ? answer : { ...answer, modelProvider };
}

/** Opens a writer for a fork, whose file is made now. `thread_exists`, `thread_not_found`, `invalid_argument`. */
export async function openFork(
  context: LocalContext,
  threadId: string,
  params: CreateThreadParams & { readonly fork: ForkPoint },
): Promise<OpenedThread> {
  const { files, directories, settings, isSynced, paths } = context;
  const { clock, logger } = settings;
  const { endOrdinal } = params.fork;
  const sourceId = requireThreadId(params.fork.threadId);
  if (!Number.isSafeInteger(endOrdinal) || endOrdinal < 0) {
    throw rejection("invalid_argument", "fork.endOrdinal must be an ordinal: a whole number of 0 or more");
  }
  const createdAtMs = clock.nowMs();
  const metadata = await withProvider(context, params.metadata);
  const meta = newSessionMeta({ threadId, createdAtMs, forkedFromId: sourceId }, metadata);
  if (params.threadId !== undefined) await refuseTakenId(context, threadId);
  const path = newRolloutPath(paths, threadId, createdAtMs);
  await withThread(context, sourceId, (source, entry) =>
    attempt(`fork thread ${sourceId}`, async () => {
      const line = encodeLine({ type: "session_meta", payload: meta }, new Date(createdAtMs).toISOString());
      const metaLine = sealLine(markCopied(line, endOrdinal));
      const { path: sourcePath, stat, end } = source;
      const { archived } = entry;
      const { inode: sourceInode, modifiedNs } = stat;
      const file = { threadId: sourceId, path: sourcePath, archived, inode: sourceInode, end, modifiedNs };
      // The rows may know that this is the whole log: then nothing has to be counted.
      const known = context.rows?.nextOrdinalOf(file) === endOrdinal ? { endOffset: end } : {};
      const { inode, size } = await copyFork(files, logger, {
        directories,
        source,
        endOrdinal,
        metaLine,
        path,
        isSynced,
        ...known,
      });
      const own = { meta, endOrdinal, inode, end: size, shiftBytes: Buffer.byteLength(metaLine) };
      await keepForkWindow(context, { ...entry, rollout: source }, own);
    }),
  );
  if (params.threadId !== undefined) await undoRivalled(context, { threadId, path });
  context.lookup.remember(threadId, { path, name: path.slice(path.lastIndexOf("/") + 1), archived: false });
  const made = { path, nextOrdinal: endOrdinal + 1 };
  const answer = await openExisting(context, threadId, { ...made, isStored: isSynced });
  context.events.tell({ type: "created", threadId });
  return answer;
}

/** Takes a fork back whose id another process gave to a thread of its own at the same time. */
async function undoRivalled({ files, fileContext }: LocalContext, own: RolloutPlace): Promise<void> {
  try {
    await refuseRivals(fileContext, own);
  } catch (error) {
    await files.unlink(own.path);
    throw error;
  }
}

/** A file that holds the thread, and what is known of it. */
interface WriterFile {
  readonly path: string;
  /** Spares counting. */
  readonly nextOrdinal?: number;
  /** Its name and its bytes are known to stand on the disk. */
  readonly isStored?: boolean;
}

/** Opens a writer on a file that holds the thread. `rollout_unreadable`, `thread_not_found`. */
export async function openExisting(context: LocalContext, threadId: string, file: WriterFile): Promise<OpenedThread> {
  await context.rows?.claims.acquire(threadId);
  try {
    return await openClaimed(context, threadId, file);
  } catch (error) {
    context.rows?.claims.release(threadId);
    throw error;
  }
}

async function openClaimed(
  context: LocalContext,
  threadId: string,
  { path, nextOrdinal: given, isStored = false }: WriterFile,
): Promise<OpenedThread> {
  const archived = path.startsWith(`${context.paths.archived}/`);
  const read = await context.access.open(path, async (rollout) => {
    const { stat, end, tornBytes, lacksNewline } = rollout;
    const { inode, modifiedNs } = stat;
    const indexed: IndexedFile = { threadId, path, archived, inode, end, modifiedNs };
    const known = given ?? context.rows?.nextOrdinalOf(indexed);
    const { nextOrdinal, index } =
      known === undefined
        ? await countRecords(context.files, rollout)
        : { nextOrdinal: known, index: createOffsetIndex() };
    const keys = await readKeys(context, { threadId, rollout, nextOrdinal });
    const existing: ExistingRollout = { inode: stat.inode, tail: { end, tornBytes, lacksNewline }, isStored };
    return { existing, nextOrdinal, index, keys, indexed };
  });
  if (read === undefined) throw threadNotFound(threadId);
  const { existing, ...rest } = read;
  const file = new RolloutFile(context.fileContext, { threadId, path }, existing);
  const { tornBytes } = existing.tail;
  if (tornBytes > 0) {
    context.settings.logger.warn(
      { threadId, path, offset: existing.tail.end, tornBytes },
      "a rollout has a torn tail; it is cut before the next append",
    );
  }
  return opened(register(context, { threadId, file, newMeta: null, ...rest }), tornBytes);
}

/** Lets the thread's open writer go in favour of a newer one, after what it was writing is written. */
export async function fenceOpenWriter(context: LocalContext, threadId: string): Promise<void> {
  const { writers } = context;
  const older = writers.get(threadId);
  if (older === undefined) return;
  // What is on its way may be what makes the file.
  if (older.newMeta !== null) await older.whenIdle();
  if (older.newMeta !== null && older.refusal === null) throw threadNotFound(threadId);
  await writers.release(older, fencedByEpoch(threadId, older.epoch, older.epoch + 1));
}

async function readKeys(
  { files }: LocalContext,
  log: { readonly threadId: string; readonly rollout: ReadableRollout; readonly nextOrdinal: number },
): Promise<AppliedKeys> {
  const { threadId, rollout, nextOrdinal } = log;
  const head = await readHead(files, rollout);
  if (head === undefined) throw notARollout(rollout.path, "it does not start with a session_meta");
  if (head.meta.id.toLowerCase() !== threadId) throw wrongThread(rollout.path, threadId, head.meta.id);
  const copiedRecords = await readCopiedRecords(files, rollout.fd, head);
  return readAppliedKeys(files, rollout, { fromOrdinal: 1 + copiedRecords, nextOrdinal });
}

function wrongThread(path: string, threadId: string, actualThreadId: string): SkeinError {
  return rejection("invalid_argument", `${path} holds thread ${actualThreadId}, not ${threadId}`, {
    path,
    threadId,
    actualThreadId,
  });
}

/** The metadata with the provider that Codex would record in this home, unless the caller names one. */
async function withProvider({ files, paths }: LocalContext, metadata: NewThreadMetadata): Promise<NewThreadMetadata> {
  if (metadata.modelProvider !== undefined) return metadata;
  const modelProvider = await providerOfHome(paths.home, (path) => readText(files, path));
  return { ...metadata, modelProvider };
}

async function refuseTakenId(context: LocalContext, threadId: string): Promise<void> {
  const isTaken = context.writers.get(threadId) !== undefined || (await context.lookup.find(threadId)) !== undefined;
  if (isTaken) throw rejection("thread_exists", `thread ${threadId} exists`, { threadId });
}

type WriterParts = Pick<RolloutWriterOptions, "threadId" | "file" | "newMeta" | "keys" | "index" | "nextOrdinal"> & {
  readonly newMeta: SessionMeta | null;
  /** The file as the state DB is to follow it; null before it exists. */
  readonly indexed: IndexedFile | null;
};

function register(context: LocalContext, { indexed, ...parts }: WriterParts): RolloutWriter {
  const { writers, events, lookup, lineClock, rows } = context;
  const { durability } = context.settings;
  const { threadId } = parts;
  const writer = new RolloutWriter({
    ...parts,
    follower: rows?.follow(threadId, indexed) ?? null,
    checkClaim: () => rows?.claims.check(threadId),
    releaseClaim: () => rows?.claims.release(threadId),
    epoch: writers.nextEpoch(),
    durability,
    lineClock,
    events,
    onCreated(created) {
      const { path } = created.file;
      writers.noteFile(created);
      lookup.remember(created.threadId, { path, name: path.slice(path.lastIndexOf("/") + 1), archived: false });
    },
  });
  writers.add(writer);
  context.hintPool(writers.size);
  return writer;
}

function opened(writer: RolloutWriter, tornBytes: number): OpenedThread {
  const { threadId, epoch, nextOrdinal } = writer;
  return { writer: Object.freeze({ threadId, epoch }), nextOrdinal, path: writer.file.path, tornBytes };
}
