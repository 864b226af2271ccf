/**
 * The one metadata write, as values: what a patch may say, and the session_meta line it becomes.
 * Names go to the adapter's name index; git and memory mode are lines of the log, so that they survive
 * reopening and travel with the file.
 * (metadata.patches, metadata.git-stays-cleared)
 *
 * A git line copies the thread's first session_meta whole (members we don't know too) and carries the
 * resolved triple; cleared fields are absent in `git`, and stay cleared. A line that only changes the
 * memory mode has no `git` member: it says nothing about git.
 */
import { LIMITS, rejection, type SkeinError } from "../base/index.ts";
import type { GitInfo, MemoryMode, SessionMeta } from "../events/index.ts";
import type { GitFields, GitPatch, ThreadMetadataPatch } from "./thread-store.ts";

const MEMORY_MODES: readonly MemoryMode[] = ["enabled", "disabled", "polluted"];
const GIT_FIELDS = ["sha", "branch", "originUrl"] as const;
/** Characters in a git field: a URL or a ref name, with room. */
const GIT_FIELD_CHARS_MAX = 8_192;

/** Checks a patch and trims what is trimmed. `invalid_argument` says which field and why. */
export function validateMetadataPatch(patch: ThreadMetadataPatch): ThreadMetadataPatch {
  if (!isPlainObject(patch)) throw invalid("a metadata patch must be an object");
  const { name, memoryMode, git } = patch;
  if (name === undefined && memoryMode === undefined && git === undefined) {
    throw invalid("a metadata patch must include at least one field");
  }
  checkMemoryMode(memoryMode);
  return {
    ...(name === undefined ? {} : { name: name === null ? null : validName(name) }),
    ...(memoryMode === undefined ? {} : { memoryMode }),
    ...(git === undefined ? {} : { git: validGit(git) }),
  };
}

/** Throws `invalid_argument` unless this is a memory mode, or nothing. */
export function checkMemoryMode(memoryMode: MemoryMode | undefined): void {
  if (memoryMode === undefined || MEMORY_MODES.includes(memoryMode)) return;
  throw invalid(`memory mode must be one of ${MEMORY_MODES.join(", ")}`);
}

/** The triple after a patch: each field kept, cleared or set. */
export function applyGitPatch(current: GitFields | null, patch: GitPatch): GitFields {
  const pick = (field: keyof GitFields): string | null => {
    const wished = patch[field];
    return wished === undefined ? (current?.[field] ?? null) : wished;
  };
  return { sha: pick("sha"), branch: pick("branch"), originUrl: pick("originUrl") };
}

/** The triple as a session_meta says it: cleared fields are absent. */
export function gitInfoFrom(git: GitFields): GitInfo {
  return {
    ...(git.sha === null ? {} : { commit_hash: git.sha }),
    ...(git.branch === null ? {} : { branch: git.branch }),
    ...(git.originUrl === null ? {} : { repository_url: git.originUrl }),
  };
}

/**
 * The session_meta line that records a validated patch, or null when it changes nothing but the name.
 * `first` is the thread's own first session_meta, `current` what stands now.
 */
export function sessionMetaForPatch(
  first: SessionMeta,
  current: { readonly git: GitFields | null; readonly memoryMode: MemoryMode },
  patch: ThreadMetadataPatch,
): { readonly type: "session_meta"; readonly payload: SessionMeta } | null {
  if (patch.git === undefined && patch.memoryMode === undefined) return null;
  const { git: _git, ...rest } = first;
  const payload: SessionMeta = {
    ...(rest as SessionMeta),
    memory_mode: patch.memoryMode ?? current.memoryMode,
    ...(patch.git === undefined ? {} : { git: gitInfoFrom(applyGitPatch(current.git, patch.git)) }),
  };
  return { type: "session_meta", payload };
}

function validName(name: unknown): string {
  if (typeof name !== "string") throw invalid("thread name must be text");
  const trimmed = name.trim();
  if (trimmed === "") throw invalid("thread name must not be empty");
  if (trimmed.length > LIMITS.nameCharsMax) {
    throw rejection("invalid_argument", `thread name must have ${LIMITS.nameCharsMax} characters at most`, {
      charsMax: LIMITS.nameCharsMax,
      chars: trimmed.length,
    });
  }
  return trimmed;
}

function validGit(git: GitPatch): GitPatch {
  if (!isPlainObject(git)) throw invalid("git must be an object; null at a field clears the field");
  const valid: { sha?: string | null; branch?: string | null; originUrl?: string | null } = {};
  for (const field of GIT_FIELDS) {
    const wished: unknown = git[field];
    if (wished === undefined) continue;
    if (wished === null) {
      valid[field] = null;
      continue;
    }
    if (typeof wished !== "string") throw invalid(`git.${field} must be text or null`);
    const trimmed = wished.trim();
    if (trimmed === "") throw invalid(`git.${field} must not be empty; null clears it`);
    if (trimmed.length > GIT_FIELD_CHARS_MAX) throw invalid(`git.${field} is too long`);
    valid[field] = trimmed;
  }
  if (Object.keys(valid).length === 0) throw invalid("git must include at least one field");
  return valid;
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function invalid(message: string): SkeinError {
  return rejection("invalid_argument", message);
}
