/**
 * Stored threads as messages and back, without their paths and their histories: absent members stay absent, null
 * stays null, and a source is JSON, for it may be an object of any kind.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { fault, rejection } from "../../base/index.ts";
import type { MemoryMode, SessionSource } from "../../events/index.ts";
import type { GitFields, StoredThread } from "../thread-store.ts";
import {
  type GitFields as WireGit,
  type GitFieldsSchema,
  type StoredThread as WireThread,
  StoredThreadSchema,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { given, present } from "./wire-members.ts";

/** The git triple. */
export function toWireGit({ sha, branch, originUrl }: GitFields): MessageInitShape<typeof GitFieldsSchema> {
  return present({ sha: given(sha), branch: given(branch), originUrl: given(originUrl) });
}

/** The git triple as it came in. */
export function fromWireGit({ sha, branch, originUrl }: WireGit): GitFields {
  return { sha: sha ?? null, branch: branch ?? null, originUrl: originUrl ?? null };
}

/** A stored thread, without its history and its path. */
export function toWireThread(thread: StoredThread): WireThread {
  const { name, model, threadSource, agentNickname, agentRole, forkedFromId, parentThreadId, source, git } = thread;
  const { id, archived, preview, cwd, modelProvider, cliVersion, originator, memoryMode } = thread;
  const { createdAtMs, updatedAtMs, recencyAtMs } = thread;
  return create(StoredThreadSchema, {
    id,
    archived,
    preview,
    cwd,
    modelProvider,
    cliVersion,
    originator,
    memoryMode,
    createdAtMs,
    updatedAtMs,
    recencyAtMs,
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

/** A thread's source, from its JSON. */
export function sourceOf(json: string): SessionSource {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw rejection("invalid_argument", `a thread's source is no JSON: ${String(cause)}`);
  }
  if (typeof value === "string" || (typeof value === "object" && value !== null)) return value as SessionSource;
  throw rejection("invalid_argument", "a thread's source is a word or an object");
}
