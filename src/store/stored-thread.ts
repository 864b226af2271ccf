/**
 * StoredThread from what the metadata fold knows of a log, joined with what the log doesn't hold: where
 * the file is, whether it is archived, and the name from the index.
 */
import type { MemoryMode, SessionSource } from "../events/index.ts";
import type { GitFields, StoredThread } from "./thread-store.ts";

/** What a log says of its thread; the state of the metadata fold fits as it is. */
export interface ThreadFacts {
  readonly id: string;
  readonly preview: string;
  readonly cwd: string;
  readonly modelProvider: string;
  readonly model: string | null;
  readonly cliVersion: string;
  readonly originator: string;
  readonly source: SessionSource;
  readonly threadSource: string | null;
  readonly agentNickname: string | null;
  readonly agentRole: string | null;
  readonly memoryMode: MemoryMode;
  readonly git: GitFields | null;
  readonly forkedFromId: string | null;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

/** The parts a stored thread is made of. */
export interface StoredThreadParts {
  readonly metadata: ThreadFacts;
  readonly path: string | null;
  readonly archived: boolean;
  readonly name: string | null;
}

/** Joins the parts. */
export function storedThreadFrom({ metadata, path, archived, name }: StoredThreadParts): StoredThread {
  return {
    id: metadata.id,
    path,
    archived,
    name,
    preview: metadata.preview,
    cwd: metadata.cwd,
    modelProvider: metadata.modelProvider,
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
    parentThreadId: parentThreadIdOf(metadata.source),
    createdAtMs: metadata.createdAtMs,
    updatedAtMs: metadata.updatedAtMs,
  };
}

/** The thread that spawned one with this source, or null. */
export function parentThreadIdOf(source: SessionSource): string | null {
  if (typeof source !== "object") return null;
  const subagent = source["subagent"];
  if (typeof subagent !== "object" || subagent === null || !("thread_spawn" in subagent)) return null;
  const spawn: unknown = subagent["thread_spawn"];
  if (typeof spawn !== "object" || spawn === null) return null;
  const parent = (spawn as { parent_thread_id?: unknown }).parent_thread_id;
  return typeof parent === "string" ? parent : null;
}
