/**
 * StoredThread from what the metadata fold knows of a log, joined with what the log doesn't hold: where
 * the file is, whether it is archived, and the name from the index.
 */
import type { ThreadMetadata } from "../events/index.ts";
import type { StoredThread } from "./thread-store.ts";

/** The parts a stored thread is made of. */
export interface StoredThreadParts {
  readonly metadata: ThreadMetadata;
  readonly path: string | null;
  readonly archived: boolean;
  /** What the name index says: a name, null where it was cleared, undefined where it says nothing. */
  readonly name: string | null | undefined;
}

/** Joins the parts. A name in the index goes before one in the log (as Codex 0.125 to 0.128 wrote it). */
export function storedThreadFrom({ metadata, path, archived, name }: StoredThreadParts): StoredThread {
  return {
    id: metadata.id,
    path,
    archived,
    name: name === undefined ? metadata.name : name,
    preview: metadata.preview,
    cwd: metadata.cwd,
    modelProvider: metadata.modelProvider === "" ? "unknown" : metadata.modelProvider,
    model: metadata.model,
    cliVersion: metadata.cliVersion,
    originator: metadata.originator,
    source: metadata.source,
    threadSource: metadata.threadSource,
    agentNickname: metadata.agentNickname,
    agentRole: metadata.agentRole,
    memoryMode: metadata.memoryMode,
    git: metadata.git,
    forkedFromId: metadata.forkedFromId,
    parentThreadId: metadata.parentThreadId,
    createdAtMs: metadata.createdAtMs,
    updatedAtMs: metadata.updatedAtMs,
    recencyAtMs: metadata.recencyAtMs,
  };
}
