/**
 * The first line of a new thread: its session_meta, with every member Codex needs to read it (id,
 * timestamp, cwd, originator, cli_version) and only those others that say something.
 */
import { rejection, SKEIN_VERSION } from "../base/index.ts";
import { type SessionMeta, validateAppendable } from "../events/index.ts";
import { checkMemoryMode, gitInfoFrom } from "./metadata-patch.ts";
import type { NewThreadMetadata } from "./thread-store.ts";

/** Who a new thread is, beside its metadata. */
export interface NewThreadIdentity {
  readonly threadId: string;
  readonly createdAtMs: number;
  readonly forkedFromId: string | null;
}

/** The payload of a new thread's first record. `invalid_argument` without a cwd, or with a memory mode that is none. */
export function newSessionMeta(identity: NewThreadIdentity, metadata: NewThreadMetadata): SessionMeta {
  if (typeof metadata.cwd !== "string" || metadata.cwd === "") {
    throw rejection("invalid_argument", "a thread needs a working folder: metadata.cwd must not be empty");
  }
  checkMemoryMode(metadata.memoryMode);
  const { threadId, createdAtMs, forkedFromId } = identity;
  const { memoryMode, modelProvider, threadSource, agentNickname, agentRole, baseInstructions, git } = metadata;
  const payload: SessionMeta = {
    id: threadId,
    ...(forkedFromId === null ? {} : { forked_from_id: forkedFromId }),
    timestamp: new Date(createdAtMs).toISOString(),
    cwd: metadata.cwd,
    originator: metadata.originator ?? "skein",
    cli_version: SKEIN_VERSION,
    source: metadata.source ?? "vscode",
    ...(threadSource === undefined || threadSource === null ? {} : { thread_source: threadSource }),
    ...(agentNickname === undefined || agentNickname === null ? {} : { agent_nickname: agentNickname }),
    ...(agentRole === undefined || agentRole === null ? {} : { agent_role: agentRole }),
    // Left out where there are none: to Codex an unknown provider or an empty text is an order, see
    // docs/decisions/0001-what-codex-accepts.md.
    ...(modelProvider === undefined ? {} : { model_provider: modelProvider }),
    ...(baseInstructions === undefined ? {} : { base_instructions: { text: baseInstructions } }),
    ...(memoryMode === undefined || memoryMode === "enabled" ? {} : { memory_mode: memoryMode }),
    ...(git === undefined || git === null ? {} : { git: gitInfoFrom(git) }),
  };
  // As it will be read back: what JSON can't say would make a log that nobody can read.
  const [item] = validateAppendable([{ type: "session_meta", payload }]);
  return item?.type === "session_meta" ? item.payload : payload;
}
