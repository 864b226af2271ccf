/**
 * The plain model of what a user sets, keeps and clears of a thread: name, memory mode and the git triple. A
 * patch makes the next model; a thread that a store shows is looked at as one.
 */
import fc from "fast-check";

import type { MemoryMode } from "../events/index.ts";
import type { GitFields, StoredThread, ThreadMetadataPatch } from "../store/index.ts";

/** What a user can set of a thread. */
export interface MetadataModel {
  readonly name: string | null;
  readonly memoryMode: MemoryMode;
  readonly git: GitFields;
}

/** No git at all: the same as a triple of nulls. */
export const noGit: GitFields = Object.freeze({ sha: null, branch: null, originUrl: null });

/** A thread of which nothing was said. */
export const createdModel: MetadataModel = Object.freeze({ name: null, memoryMode: "enabled", git: noGit });

/** A git triple as it is found at a thread's creation. */
export function arbGit(): fc.Arbitrary<GitFields> {
  const field = fc.option(fc.constantFrom("0", "main", "https://example.invalid/r.git", "ünïcode \u{1f9f5}"));
  return fc.record({ sha: field, branch: field, originUrl: field }, { noNullPrototype: true });
}

/** A thread's git triple. */
export function gitOf(thread: StoredThread): GitFields {
  return { ...(thread.git ?? noGit) };
}

/** What a store shows of it. */
export function shownOf(thread: StoredThread): MetadataModel {
  return { name: thread.name, memoryMode: thread.memoryMode, git: gitOf(thread) };
}

/** Field by field: absent keeps, null clears, a value sets. Texts are trimmed. */
export function modelAfter(model: MetadataModel, { name, memoryMode, git = {} }: ThreadMetadataPatch): MetadataModel {
  return {
    name: after(model.name, name),
    memoryMode: memoryMode ?? model.memoryMode,
    git: {
      sha: after(model.git.sha, git.sha),
      branch: after(model.git.branch, git.branch),
      originUrl: after(model.git.originUrl, git.originUrl),
    },
  };
}

function after(current: string | null, wished: string | null | undefined): string | null {
  return wished === undefined ? current : (wished?.trim() ?? null);
}
