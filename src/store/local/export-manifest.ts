/**
 * What an exported folder says of its threads: `export.jsonl`, one JSON object a line, appended as each thread is
 * done with; the last line of an id counts. It is how an import knows that what it reads is what was exported. Lines
 * that can't be read are passed over: a kill may have torn the last one, and the thread is then looked at again.
 */
import { join } from "node:path";

import { canonicalThreadId } from "../../base/index.ts";
import type { LogDigest } from "../log-digest.ts";
import { readText } from "./block-reader.ts";
import { diskFault } from "./disk-fault.ts";
import { type FileSystem, isMissing, nodeFileSystem } from "./file-system.ts";
import { createKeyedLock } from "../keyed-lock.ts";
import { writeAll } from "./write-all.ts";

/** A thread as it was exported. */
export interface ManifestEntry extends LogDigest {
  readonly threadId: string;
  readonly name: string | null;
  readonly archived: boolean;
}

/** The manifest of one folder. */
export interface ExportManifest {
  /** The folder had one when it was opened: an export made it. */
  readonly isThere: boolean;
  /** What it said when it was opened, and what was noted since. */
  readonly entries: ReadonlyMap<string, ManifestEntry>;
  /** Writes a thread down, unless it says just that already. */
  note(entry: ManifestEntry): Promise<void>;
  /** Makes the file, where there is none, and what was noted durable. The folder must be there. */
  sync(): Promise<void>;
}

/** The manifest's file in its folder. */
const MANIFEST_NAME = "export.jsonl";

/** Reads the manifest of a folder; without a file it is empty. */
export async function openExportManifest(folder: string, files: FileSystem = nodeFileSystem): Promise<ExportManifest> {
  const path = join(folder, MANIFEST_NAME);
  const lock = createKeyedLock();
  const read = await readWhole(files, path);
  const text = read ?? "";
  const entries = new Map<string, ManifestEntry>();
  for (const line of text.split("\n")) {
    const entry = parseEntry(line);
    if (entry !== undefined) entries.set(entry.threadId, entry);
  }
  let isTorn = text !== "" && !text.endsWith("\n");
  const withFile = async <Value>(work: (fd: number) => Promise<Value>): Promise<Value> => {
    try {
      const fd = await files.open(path, "appendOrCreate");
      try {
        return await work(fd);
      } finally {
        await files.close(fd);
      }
    } catch (error) {
      throw diskFault(error, `write ${path}`, { path });
    }
  };
  return {
    isThere: read !== undefined,
    entries,
    note: (entry) =>
      lock.run("write", async () => {
        const line = lineOf(entry);
        const before = entries.get(entry.threadId);
        if (before !== undefined && lineOf(before) === line) return;
        await withFile((fd) => append(files, fd, isTorn ? `\n${line}` : line));
        isTorn = false;
        entries.set(entry.threadId, entry);
      }),
    sync: () =>
      lock.run("write", async () => {
        await withFile((fd) => files.syncData(fd));
        await files.syncDirectory(folder);
      }),
  };
}

async function append(files: FileSystem, fd: number, line: string): Promise<void> {
  const { size } = files.fstat(fd);
  const { failure } = await writeAll(files, fd, Buffer.from(line));
  if (failure === null) return;
  await files.truncate(fd, size);
  throw failure.error;
}

async function readWhole(files: FileSystem, path: string): Promise<string | undefined> {
  try {
    return await readText(files, path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw diskFault(error, `read ${path}`, { path });
  }
}

function lineOf({ threadId, lineCount, byteCount, sha256, name, archived }: ManifestEntry): string {
  return `${JSON.stringify({ id: threadId, lines: lineCount, bytes: byteCount, sha256, name, archived })}\n`;
}

const SHA_256 = /^[0-9a-f]{64}$/;

function parseEntry(line: string): ManifestEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { id, lines, bytes, sha256, name, archived } = value as Readonly<Record<string, unknown>>;
  const threadId = typeof id === "string" ? canonicalThreadId(id) : undefined;
  if (threadId === undefined || typeof sha256 !== "string" || !SHA_256.test(sha256)) return undefined;
  if (typeof lines !== "number" || typeof bytes !== "number") return undefined;
  const title = typeof name === "string" ? name : null;
  return { threadId, lineCount: lines, byteCount: bytes, sha256, name: title, archived: archived === true };
}
