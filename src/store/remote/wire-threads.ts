/**
 * Threads, writers and what is asked of them, as messages and back. The messages name what the port names; absent
 * members stay absent, null stays null.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { fault, rejection } from "../../base/index.ts";
import type { MemoryMode, SessionSource } from "../../events/index.ts";
import type {
  Durability,
  GitFields,
  GitPatch,
  ListThreadsParams,
  NewThreadMetadata,
  OpenedThread,
  StoredThread,
  ThreadMetadataPatch,
  ThreadWriter,
} from "../thread-store.ts";
import {
  type GitFields as WireGit,
  type GitFieldsSchema,
  type GitPatch as WireGitPatch,
  GitPatchSchema,
  type ListThreadsRequest,
  type ListThreadsRequestSchema,
  type MetadataPatch as WirePatch,
  MetadataPatchSchema,
  type NewThread,
  NewThreadSchema,
  type NullableText,
  NullableTextSchema,
  type OpenedThread as WireOpened,
  OpenedThreadSchema,
  type StoredThread as WireThread,
  StoredThreadSchema,
  type TextList,
  type Writer as WireWriter,
  WriterSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";

/** The members that are there: `undefined` is as good as absent. */
type Present<Value> = { [Name in keyof Value]: Exclude<Value[Name], undefined> };

function present<Value extends object>(members: Value): Partial<Present<Value>> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Partial<
    Present<Value>
  >;
}

/** Null is not there on the wire. */
function given<Value>(value: Value | null | undefined): Value | undefined {
  return value ?? undefined;
}

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

function toWireGit({ sha, branch, originUrl }: GitFields): MessageInitShape<typeof GitFieldsSchema> {
  return present({ sha: given(sha), branch: given(branch), originUrl: given(originUrl) });
}

function fromWireGit({ sha, branch, originUrl }: WireGit): GitFields {
  return { sha: sha ?? null, branch: branch ?? null, originUrl: originUrl ?? null };
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

function sourceOf(json: string): SessionSource {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw rejection("invalid_argument", `a thread's source is no JSON: ${String(cause)}`);
  }
  if (typeof value === "string" || (typeof value === "object" && value !== null)) return value as SessionSource;
  throw rejection("invalid_argument", "a thread's source is a word or an object");
}

/** A stored thread, without its history and its path. */
export function toWireThread(thread: StoredThread): WireThread {
  const { name, model, threadSource, agentNickname, agentRole, forkedFromId, parentThreadId, source, git } = thread;
  const { id, archived, preview, cwd, modelProvider, cliVersion, originator, memoryMode } = thread;
  const { createdAtMs, updatedAtMs, recencyAtMs } = thread;
  return create(StoredThreadSchema, {
    ...{ id, archived, preview, cwd, modelProvider, cliVersion, originator, memoryMode },
    ...{ createdAtMs, updatedAtMs, recencyAtMs },
    sourceJson: JSON.stringify(source),
    ...present({
      name: given(name),
      model: given(model),
      threadSource: given(threadSource),
      agentNickname: given(agentNickname),
      agentRole: given(agentRole),
      forkedFromId: given(forkedFromId),
      parentThreadId: given(parentThreadId),
      git: git === null ? undefined : toWireGit(git),
    }),
  });
}

/** About how many bytes a thread is. */
export function wireThreadSize({ preview, cwd, sourceJson, name = "" }: WireThread): number {
  return 3 * (preview.length + name.length) + cwd.length + sourceJson.length + 400;
}

/** A stored thread as it came in. */
export function fromWireThread(thread: WireThread | undefined): StoredThread {
  if (thread === undefined) throw fault("request_failed", "the server's answer has no thread in it");
  const { id, archived, preview, cwd, modelProvider, cliVersion, originator, memoryMode, sourceJson, git } = thread;
  const { createdAtMs, updatedAtMs, recencyAtMs } = thread;
  return {
    id,
    path: null,
    archived,
    name: thread.name ?? null,
    preview,
    cwd,
    modelProvider,
    model: thread.model ?? null,
    cliVersion,
    originator,
    source: sourceOf(sourceJson),
    threadSource: thread.threadSource ?? null,
    agentNickname: thread.agentNickname ?? null,
    agentRole: thread.agentRole ?? null,
    // The server's store read it as one.
    memoryMode: memoryMode as MemoryMode,
    git: git === undefined ? null : fromWireGit(git),
    forkedFromId: thread.forkedFromId ?? null,
    parentThreadId: thread.parentThreadId ?? null,
    createdAtMs,
    updatedAtMs,
    recencyAtMs,
  };
}

/** Text that may be null; undefined stays absent. */
export function toNullable(text: string | null | undefined): NullableText | undefined {
  return text === undefined ? undefined : create(NullableTextSchema, present({ text: given(text) }));
}

/** The same as it came in. */
export function fromNullable(value: NullableText | undefined): string | null | undefined {
  return value === undefined ? undefined : (value.text ?? null);
}

/** A patch. */
export function toWirePatch({ name, memoryMode, git }: ThreadMetadataPatch): WirePatch {
  const wireGit = git === undefined ? undefined : toWireGitPatch(git);
  return create(MetadataPatchSchema, present({ name: toNullable(name), memoryMode, git: wireGit }));
}

function toWireGitPatch({ sha, branch, originUrl }: GitPatch): WireGitPatch {
  return create(
    GitPatchSchema,
    present({ sha: toNullable(sha), branch: toNullable(branch), originUrl: toNullable(originUrl) }),
  );
}

/** A patch as it came in; the store checks it. */
export function fromWirePatch(patch: WirePatch | undefined): ThreadMetadataPatch {
  if (patch === undefined) return {};
  const { memoryMode, git } = patch;
  const name = fromNullable(patch.name);
  return {
    ...(name === undefined ? {} : { name }),
    ...(memoryMode === undefined ? {} : { memoryMode: memoryMode as MemoryMode }),
    ...(git === undefined ? {} : { git: fromWireGitPatch(git) }),
  };
}

function fromWireGitPatch(git: WireGitPatch): GitPatch {
  return present({
    sha: fromNullable(git.sha),
    branch: fromNullable(git.branch),
    originUrl: fromNullable(git.originUrl),
  });
}

/** What a list is asked for. Words go as they are: the store that answers knows which there are. */
export function toWireList(
  params: ListThreadsParams,
  limit: number | undefined,
): MessageInitShape<typeof ListThreadsRequestSchema> {
  const { cursor, archived, searchTerm, parentThreadId, ancestorThreadId, useStateDbOnly } = params;
  const { modelProviders, sources, cwds } = params;
  return present({
    ...{ cursor, archived, searchTerm, parentThreadId, ancestorThreadId, useStateDbOnly },
    limit: limit === undefined ? undefined : BigInt(limit),
    sortKey: wordOf(params.sortKey),
    sortDirection: wordOf(params.sortDirection),
    modelProviders: toTextList(modelProviders),
    sources: toTextList(sources),
    cwds: toTextList(cwds),
  });
}

/** A word of the port, whatever a caller without types has put in its place. */
export function wordOf(word: unknown): string | undefined {
  return word === undefined ? undefined : String(word);
}

function toTextList(texts: readonly string[] | undefined): { texts: string[] } | undefined {
  return texts === undefined ? undefined : { texts: [...texts] };
}

function fromTextList(list: TextList | undefined): readonly string[] | undefined {
  return list?.texts;
}

/** The same as it came in. */
export function fromWireList(request: ListThreadsRequest): ListThreadsParams {
  const { cursor, archived, searchTerm, parentThreadId, ancestorThreadId, useStateDbOnly, limit } = request;
  const { sortKey, sortDirection } = request;
  const params = present({
    ...{ cursor, archived, searchTerm, parentThreadId, ancestorThreadId, useStateDbOnly },
    ...{ sortKey, sortDirection },
    limit: numberOf(limit),
    modelProviders: fromTextList(request.modelProviders),
    sources: fromTextList(request.sources),
    cwds: fromTextList(request.cwds),
  });
  // Their words are the store's to check.
  return params as ListThreadsParams;
}

/** A whole number that may be absent. */
export function numberOf(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}

/** A durability as it came in. */
export function durabilityOf(word: string): Durability {
  if (word === "fsync" || word === "os" || word === "memory") return word;
  throw fault("request_failed", `the server names a durability that is not known here: ${word}`, {
    data: { durability: word },
  });
}
