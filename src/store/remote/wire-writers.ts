/**
 * Writers and new threads as messages and back. A path stays on the server; an epoch that is no whole number was never
 * handed out, and is sent as one that never is.
 */
import { create } from "@bufbuild/protobuf";

import { fault, rejection } from "../../base/index.ts";
import type { MemoryMode } from "../../events/index.ts";
import type { Durability } from "../durability.ts";
import type { NewThreadMetadata, OpenedThread, ThreadWriter } from "../thread-store.ts";
import {
  type NewThread,
  NewThreadSchema,
  type OpenedThread as WireOpened,
  OpenedThreadSchema,
  type Writer as WireWriter,
  WriterSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { given, present } from "./wire-members.ts";
import { fromWireGit, sourceOf, toWireGit } from "./wire-threads.ts";

/** A writer. An epoch that is no whole number was never handed out. */
export function toWireWriter({ threadId, epoch }: ThreadWriter): WireWriter {
  return create(WriterSchema, { threadId, epoch: BigInt(Number.isSafeInteger(epoch) ? epoch : -1) });
}

/** A writer as it came in. */
export function fromWireWriter(writer: WireWriter | undefined): ThreadWriter {
  if (writer === undefined) throw rejection("invalid_argument", "a call on a writer must name it");
  return Object.freeze({ threadId: writer.threadId, epoch: Number(writer.epoch) });
}

/** An opened thread; its path stays on the server. */
export function toWireOpened({ writer, nextOrdinal, tornBytes, modelProvider }: OpenedThread): WireOpened {
  return create(OpenedThreadSchema, {
    writer: toWireWriter(writer),
    nextOrdinal: BigInt(nextOrdinal),
    tornBytes: BigInt(tornBytes),
    ...present({ modelProvider }),
  });
}

/** An opened thread as it came in. */
export function fromWireOpened(opened: WireOpened | undefined): OpenedThread {
  if (opened === undefined) throw fault("request_failed", "the server's answer has no opened thread in it");
  const { writer, nextOrdinal, tornBytes, modelProvider } = opened;
  return {
    writer: fromWireWriter(writer),
    nextOrdinal: Number(nextOrdinal),
    path: null,
    tornBytes: Number(tornBytes),
    ...(modelProvider === undefined ? {} : { modelProvider }),
  };
}

/** A new thread's metadata. */
export function toWireNewThread(metadata: NewThreadMetadata): NewThread {
  const { source, git, threadSource, agentNickname, agentRole, ...plain } = metadata;
  const { cwd, modelProvider, memoryMode, originator, baseInstructions } = plain;
  return create(NewThreadSchema, {
    cwd,
    ...present({
      modelProvider,
      memoryMode,
      originator,
      baseInstructions,
      sourceJson: source === undefined ? undefined : JSON.stringify(source),
      threadSource: given(threadSource),
      agentNickname: given(agentNickname),
      agentRole: given(agentRole),
      git: git === undefined || git === null ? undefined : toWireGit(git),
    }),
  });
}

/** A new thread's metadata as they came in; the store checks them. */
export function fromWireNewThread(metadata: NewThread | undefined): NewThreadMetadata {
  if (metadata === undefined) throw rejection("invalid_argument", "a new thread needs metadata");
  const { cwd, modelProvider, memoryMode, originator, baseInstructions, sourceJson, git } = metadata;
  const { threadSource, agentNickname, agentRole } = metadata;
  const source = sourceJson === undefined ? undefined : sourceOf(sourceJson);
  return {
    cwd,
    ...present({ modelProvider, originator, baseInstructions, source, threadSource, agentNickname, agentRole }),
    // The store says whether it is one.
    ...(memoryMode === undefined ? {} : { memoryMode: memoryMode as MemoryMode }),
    ...(git === undefined ? {} : { git: fromWireGit(git) }),
  };
}

/** A durability as it came in. */
export function durabilityOf(word: string): Durability {
  if (word === "fsync" || word === "os" || word === "memory") return word;
  throw fault("request_failed", `the server names a durability that is not known here: ${word}`, {
    data: { durability: word },
  });
}
