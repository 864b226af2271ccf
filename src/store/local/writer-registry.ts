/**
 * The open writers of a store, one a thread, and who may use them: a ThreadWriter names one by its
 * epoch, and is refused once that is no longer the open one.
 */
import type { SkeinError } from "../../base/index.ts";
import type { ThreadWriter } from "../thread-store.ts";
import type { WrittenEnd } from "./rollout-access.ts";
import type { RolloutWriter } from "./rollout-writer.ts";
import { fencedByEpoch, writerClosed } from "../writer-faults.ts";

/** The open writers of one store. */
export interface WriterRegistry {
  /** A greater number each time. */
  nextEpoch(): number;
  get(threadId: string): RolloutWriter | undefined;
  /** The writer a name stands for. `writer_closed`, `writer_fenced`. */
  require(writer: ThreadWriter): RolloutWriter;
  /** The writer a name stands for, if it is still the open one. */
  find(writer: ThreadWriter): RolloutWriter | undefined;
  add(writer: RolloutWriter): void;
  /** Says that the writer's file exists now. */
  noteFile(writer: RolloutWriter): void;
  /** Forgets a writer, unless another one has taken its place. */
  remove(writer: RolloutWriter): void;
  all(): readonly RolloutWriter[];
  readonly size: number;
  /** A writer is open and nothing of its thread is stored yet. */
  isUnwritten(threadId: string): boolean;
  /** What the writer of this file has acknowledged. */
  writtenEnd(inode: string, fileBytes: number): WrittenEnd | undefined;
  /** Lets a writer go for a reason. Never rejects. */
  release(writer: RolloutWriter, why: SkeinError): Promise<void>;
}

/** Makes an empty registry. */
export function createWriterRegistry(): WriterRegistry {
  const open = new Map<string, RolloutWriter>();
  const byInode = new Map<string, RolloutWriter>();
  let epoch = 0;

  const find = (name: ThreadWriter): RolloutWriter | undefined => {
    const writer = open.get(name.threadId);
    return writer?.epoch === name.epoch ? writer : undefined;
  };
  const remove = (writer: RolloutWriter): void => {
    writer.end();
    if (open.get(writer.threadId) === writer) open.delete(writer.threadId);
    const { inode } = writer.file;
    if (inode !== null && byInode.get(inode) === writer) byInode.delete(inode);
  };
  const noteFile = (writer: RolloutWriter): void => {
    const { inode } = writer.file;
    if (inode !== null) byInode.set(inode, writer);
  };

  return {
    nextEpoch() {
      epoch += 1;
      return epoch;
    },
    get: (threadId) => open.get(threadId),
    find,
    require(name) {
      const writer = find(name);
      if (writer !== undefined) return writer;
      const newer = open.get(name.threadId);
      if (newer === undefined) throw writerClosed(name.threadId, "it was let go, or never opened here");
      throw fencedByEpoch(name.threadId, name.epoch, newer.epoch);
    },
    add(writer) {
      open.set(writer.threadId, writer);
      noteFile(writer);
    },
    noteFile,
    remove,
    all: () => [...open.values()],
    get size() {
      return open.size;
    },
    isUnwritten(threadId) {
      const writer = open.get(threadId);
      return writer !== undefined && writer.newMeta !== null;
    },
    writtenEnd(inode, fileBytes) {
      const writer = byInode.get(inode);
      if (writer === undefined || !writer.vouchesForEnd(fileBytes)) return undefined;
      return { end: writer.file.end, lacksNewline: writer.file.lacksNewline, index: writer.index };
    },
    async release(writer, why) {
      await writer.release(why);
      remove(writer);
    },
  };
}
