/**
 * StoredThread as the protocol shows it: the wire names, whole seconds, and the source in wire form.
 * What isn't stored (status, turns, whether it is ephemeral) is given beside it.
 */
import type { Json, SessionSource, Thread, ThreadStatus, Turn } from "../events/index.ts";
import type { StoredThread } from "./thread-store.ts";

/** What a view adds to what is stored. */
export interface ThreadViewOptions {
  /** Default `notLoaded`. */
  readonly status?: ThreadStatus;
  /** Default none: only answers that are about turns fill them. */
  readonly turns?: readonly Turn[];
  /** Default false. An ephemeral thread shows no path. */
  readonly ephemeral?: boolean;
}

/** The protocol's Thread of a stored one. */
export function toThread(stored: StoredThread, options: ThreadViewOptions = {}): Thread {
  const { status = { type: "notLoaded" }, turns = [], ephemeral = false } = options;
  const { git } = stored;
  const hasGit = git !== null && (git.sha !== null || git.branch !== null || git.originUrl !== null);
  return {
    id: stored.id,
    sessionId: stored.id,
    forkedFromId: stored.forkedFromId,
    preview: stored.preview,
    ephemeral,
    modelProvider: stored.modelProvider,
    createdAt: Math.floor(stored.createdAtMs / 1000),
    updatedAt: Math.floor(stored.updatedAtMs / 1000),
    status,
    path: ephemeral ? null : stored.path,
    cwd: stored.cwd,
    cliVersion: stored.cliVersion,
    source: toWireSource(stored.source),
    threadSource: stored.threadSource,
    agentNickname: stored.agentNickname,
    agentRole: stored.agentRole,
    gitInfo: hasGit ? { sha: git.sha, branch: git.branch, originUrl: git.originUrl } : null,
    name: stored.name,
    turns,
  };
}

/** A source of the file in the protocol's words: `mcp` is `appServer`, `subagent` is `subAgent`, what Codex doesn't know is `unknown`. */
export function toWireSource(source: SessionSource): Json {
  if (typeof source === "string") {
    if (source === "mcp") return "appServer";
    return source === "cli" || source === "vscode" || source === "exec" ? source : "unknown";
  }
  if (source["custom"] !== undefined) return { custom: source["custom"] };
  if (source["subagent"] !== undefined) return { subAgent: source["subagent"] };
  return "unknown";
}
