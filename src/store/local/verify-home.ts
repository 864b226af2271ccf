/**
 * `skein verify`: reads everything in a home and tells what is torn, odd or ambiguous, file after file and
 * then the name index. It changes nothing and takes no lock, so it can run beside writers; what one of them
 * is just writing may then look torn.
 */
import { resolve } from "node:path";

import { faultFromSystem, silentLogger, systemClock } from "../../base/index.ts";
import { readBlocks } from "./block-reader.ts";
import { type FileSystem, isMissing, nodeFileSystem } from "./file-system.ts";
import { FORK_SUFFIX } from "./fork-copier.ts";
import { findPassedOver, type RolloutEntry, walkHome } from "./home-walk.ts";
import { checkHome, localSettings } from "./local-options.ts";
import { checkRollout, findingOf, type HomeFinding } from "./rollout-check.ts";
import { type HomePaths, homePaths } from "./rollout-path.ts";
import { createLineSplitter, parseIndexEntry } from "./session-index.ts";

/** How far a verification is. */
export interface VerifyProgress {
  readonly filesDone: number;
  readonly filesTotal: number;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly recordsDone: number;
  readonly threadsDone: number;
}

/** How to verify. */
export interface VerifyHomeOptions {
  /** Called after each file, and once before the first. */
  readonly onProgress?: (progress: VerifyProgress) => void;
  /** Ends the verification between two files. */
  readonly signal?: AbortSignal;
  /** Default: the real disk. */
  readonly fileSystem?: FileSystem;
}

/** Reads the home and gives its findings as they come. `home_unusable`, `permission_denied`; the signal's reason. */
export async function* verifyHome(
  home: string,
  options: VerifyHomeOptions = {},
): AsyncGenerator<HomeFinding, void, undefined> {
  const files = options.fileSystem ?? nodeFileSystem;
  const paths = homePaths(resolve(home));
  await checkHome(localSettings({ home, fileSystem: files, clock: systemClock, logger: silentLogger }));
  const entries = await walkHome(files, paths);
  const counter = await createCounter(files, entries, options.onProgress);
  const holders = new Map<string, string>();
  for (const entry of entries) {
    options.signal?.throwIfAborted();
    const check = await checkFile(files, entry);
    if ("code" in check) {
      yield check;
    } else {
      yield* check.findings;
      counter.count(check);
      if (check.threadId !== undefined) yield* claim(holders, check.threadId, entry);
    }
    counter.tell();
  }
  for (const { path, why } of await findPassedOver(files, paths)) {
    yield findingOf("odd_entry", `passed over: ${why}`, { path });
  }
  for (const { path } of await walkHome(files, paths, FORK_SUFFIX)) {
    yield findingOf(
      "leftover_fork",
      "a fork that was never finished; `skein repair` removes it an hour after it was last written to",
      {
        path,
      },
    );
  }
  yield* checkIndex(files, paths, holders);
}

async function checkFile(
  files: FileSystem,
  entry: RolloutEntry,
): Promise<HomeFinding | Awaited<ReturnType<typeof checkRollout>>> {
  const { path } = entry;
  try {
    const fd = await files.open(path, "read");
    try {
      return await checkRollout(files, fd, entry);
    } finally {
      await files.close(fd);
    }
  } catch (error) {
    return findingOf("unreadable_file", faultFromSystem(error, "read the file").message, { path });
  }
}

function* claim(holders: Map<string, string>, threadId: string, { path }: RolloutEntry): Generator<HomeFinding, void> {
  const first = holders.get(threadId);
  if (first === undefined) holders.set(threadId, path);
  else yield findingOf("duplicate_id", `the thread is also in ${first}; only one of them is shown`, { path, threadId });
}

async function* checkIndex(
  files: FileSystem,
  paths: HomePaths,
  holders: ReadonlyMap<string, string>,
): AsyncGenerator<HomeFinding, void, undefined> {
  const path = paths.index;
  const findings: HomeFinding[] = [];
  const named = new Set<string>();
  let line = 0;
  const lines = createLineSplitter((text) => {
    line += 1;
    const entry = parseIndexEntry(text);
    if (entry === undefined)
      findings.push(findingOf("bad_index_line", `line ${line} of the index is passed over`, { path }));
    else if (entry.name === null) named.delete(entry.id);
    else named.add(entry.id);
  });
  try {
    const fd = await files.open(path, "read");
    try {
      await readBlocks(files, { fd, from: 0, end: files.fstat(fd).size }, (block) => lines.push(block));
    } finally {
      await files.close(fd);
    }
  } catch (error) {
    if (!isMissing(error))
      findings.push(findingOf("unreadable_file", faultFromSystem(error, "read the index").message, { path }));
  }
  lines.end();
  yield* findings;
  for (const threadId of named) {
    if (!holders.has(threadId))
      yield findingOf("dangling_index_entry", "the index names a thread that has no file", { path, threadId });
  }
}

interface Counter {
  count(check: { readonly records: number; readonly bytes: number; readonly threadId: string | undefined }): void;
  tell(): void;
}

async function createCounter(
  files: FileSystem,
  entries: readonly RolloutEntry[],
  onProgress: VerifyHomeOptions["onProgress"],
): Promise<Counter> {
  let bytesTotal = 0;
  if (onProgress !== undefined) {
    for (const { path } of entries) bytesTotal += (await files.stat(path))?.size ?? 0;
  }
  const done = { filesDone: 0, bytesDone: 0, recordsDone: 0, threadsDone: 0 };
  const tell = (): void => onProgress?.({ ...done, filesTotal: entries.length, bytesTotal });
  tell();
  return {
    count({ records, bytes, threadId }) {
      done.bytesDone += bytes;
      done.recordsDone += records;
      if (threadId !== undefined) done.threadsDone += 1;
    },
    tell() {
      done.filesDone += 1;
      tell();
    },
  };
}
