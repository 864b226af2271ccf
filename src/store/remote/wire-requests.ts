/**
 * Patches and lists as messages and back. Words (an order, a mode) go as they are: the store that answers knows which
 * there are, and refuses others.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import type { MemoryMode } from "../../events/index.ts";
import type { GitPatch, ListThreadsParams, ThreadMetadataPatch } from "../thread-store.ts";
import {
  type GitPatch as WireGitPatch,
  GitPatchSchema,
  type ListThreadsRequest,
  type ListThreadsRequestSchema,
  type MetadataPatch as WirePatch,
  MetadataPatchSchema,
  type TextList,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { fromNullable, numberOf, present, toNullable } from "./wire-members.ts";

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
    cursor,
    archived,
    searchTerm,
    parentThreadId,
    ancestorThreadId,
    useStateDbOnly,
    limit: limit === undefined ? undefined : BigInt(limit),
    sortKey: wordOf(params.sortKey),
    sortDirection: wordOf(params.sortDirection),
    modelProviders: toTextList(modelProviders),
    sources: toTextList(sources),
    cwds: toTextList(cwds),
  });
}

/** A word of the port, whatever a caller without types has put in its place. */
function wordOf(word: unknown): string | undefined {
  if (word === undefined || typeof word === "string") return word;
  return `no word: ${typeof word}`;
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
    cursor,
    archived,
    searchTerm,
    parentThreadId,
    ancestorThreadId,
    useStateDbOnly,
    sortKey,
    sortDirection,
    limit: numberOf(limit),
    modelProviders: fromTextList(request.modelProviders),
    sources: fromTextList(request.sources),
    cwds: fromTextList(request.cwds),
  });
  // Their words are the store's to check.
  return params as ListThreadsParams;
}
