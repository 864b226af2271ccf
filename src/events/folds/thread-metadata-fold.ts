/**
 * The thread metadata fold: what a list shows of a thread, from its log alone. What the log doesn't
 * hold (archived, the name in the index, the path) is joined by the store.
 *
 * Only session_meta lines of the thread's own id count, which is the first one's: later ones with
 * another id are a fork's ancestors. A later own line changes git and memory mode, nothing else.
 */
import type { Fold, SkippedRun } from "../fold.ts";
import type { EventMsg, MemoryMode, RolloutItem, RolloutRecord, SessionMeta, SessionSource } from "../rollout-item.ts";
import { epochMsOf } from "../timestamp.ts";
import { trimWhite } from "../white-space.ts";

/** The git triple of a thread; null where it isn't known. */
export interface GitState {
  readonly sha: string | null;
  readonly branch: string | null;
  readonly originUrl: string | null;
}

/** What the log says of its thread. Before a session_meta was seen the texts are empty. */
export interface ThreadMetadata {
  readonly hasSessionMeta: boolean;
  readonly id: string;
  readonly forkedFromId: string | null;
  /** The thread that spawned this one as a sub-agent. */
  readonly parentThreadId: string | null;
  readonly cwd: string;
  readonly originator: string;
  readonly cliVersion: string;
  readonly modelProvider: string;
  readonly source: SessionSource;
  readonly threadSource: string | null;
  readonly agentNickname: string | null;
  readonly agentRole: string | null;
  readonly memoryMode: MemoryMode;
  readonly git: GitState | null;
  /** Name from an event (Codex 0.125 to 0.128); an entry of the session index goes before it. */
  readonly name: string | null;
  readonly preview: string;
  readonly hasUserMessage: boolean;
  /** Model of the newest turn_context. */
  readonly model: string | null;
  /** From session_meta; 0 where it has none that can be read. */
  readonly createdAtMs: number;
  /** Time of the newest record that has one, and never before `createdAtMs`. */
  readonly updatedAtMs: number;
  /** Time of the newest record that begins a turn (see `beginsTurn`), rolled back or not; never before `createdAtMs`. */
  readonly recencyAtMs: number;
}

/** Events that a turn begins with: what the user said, and that the agent took it up. */
const TURN_BEGIN_KINDS: ReadonlySet<string> = new Set(["user_message", "task_started", "turn_started"]);

/** Whether a record with this item counts for a thread's recency. */
export function beginsTurn(item: RolloutItem): boolean {
  return item.type === "event_msg" && isTurnBegin(item.payload.type);
}

/** Whether an event of this kind does. */
export function isTurnBegin(eventKind: string): boolean {
  return TURN_BEGIN_KINDS.has(eventKind);
}

const EMPTY: ThreadMetadata = Object.freeze({
  hasSessionMeta: false,
  id: "",
  forkedFromId: null,
  parentThreadId: null,
  cwd: "",
  originator: "",
  cliVersion: "",
  modelProvider: "",
  source: "vscode",
  threadSource: null,
  agentNickname: null,
  agentRole: null,
  memoryMode: "enabled",
  git: null,
  name: null,
  preview: "",
  hasUserMessage: false,
  model: null,
  createdAtMs: 0,
  updatedAtMs: 0,
  recencyAtMs: 0,
});

/** The fold; see the file's head. */
export const threadMetadataFold: Fold<ThreadMetadata, ThreadMetadata> = Object.freeze({
  name: "thread_metadata",
  version: 3,
  needs: {
    types: new Set(["session_meta", "turn_context"]),
    eventKinds: new Set([...TURN_BEGIN_KINDS, "thread_name_updated"]),
    times: true,
  },
  initial: (): ThreadMetadata => EMPTY,
  step,
  skip: (state: ThreadMetadata, run: SkippedRun): ThreadMetadata => touched(state, run.timestamp),
  save: (state: ThreadMetadata): ThreadMetadata => state,
  load: (saved: ThreadMetadata): ThreadMetadata => saved,
});

function step(state: ThreadMetadata, record: RolloutRecord): ThreadMetadata {
  const applied = applyItem(state, record);
  return touched(beginsTurn(record.item) ? begun(applied, record.timestamp) : applied, record.timestamp);
}

/** As with the time of change: a turn that a fork copied is as new as the fork. */
function begun(state: ThreadMetadata, timestamp: string | null): ThreadMetadata {
  const begunMs = epochMsOf(timestamp);
  return begunMs === null ? state : { ...state, recencyAtMs: Math.max(begunMs, state.createdAtMs) };
}

/** A fork's copied records are older than the fork: it was updated when it was made. */
function touched(state: ThreadMetadata, timestamp: string | null): ThreadMetadata {
  const writtenMs = epochMsOf(timestamp);
  if (writtenMs === null) return state;
  const updatedAtMs = Math.max(writtenMs, state.createdAtMs);
  return updatedAtMs === state.updatedAtMs ? state : { ...state, updatedAtMs };
}

function applyItem(state: ThreadMetadata, { item, timestamp }: RolloutRecord): ThreadMetadata {
  switch (item.type) {
    case "session_meta":
      return applyMeta(state, item.payload, timestamp);
    case "turn_context":
      return { ...state, model: item.payload.model };
    case "event_msg":
      return applyEvent(state, item.payload);
    default:
      return state;
  }
}

function applyMeta(state: ThreadMetadata, meta: SessionMeta, timestamp: string | null): ThreadMetadata {
  if (!state.hasSessionMeta) return firstMeta(state, meta, timestamp);
  if (idOf(meta.id) !== state.id) return state;
  const git = gitOfMeta(meta);
  const memoryMode = memoryModeOf(meta);
  if (git === undefined && memoryMode === undefined) return state;
  return {
    ...state,
    git: git === undefined ? state.git : git,
    memoryMode: memoryMode ?? state.memoryMode,
  };
}

function firstMeta(state: ThreadMetadata, meta: SessionMeta, timestamp: string | null): ThreadMetadata {
  const source = sourceOf(meta.source);
  const createdAtMs = epochMsOf(meta.timestamp) ?? epochMsOf(timestamp) ?? 0;
  const spawn = spawnOf(source);
  return {
    ...state,
    hasSessionMeta: true,
    id: idOf(meta.id),
    forkedFromId: idOrNull(meta.forked_from_id),
    parentThreadId: parentOf(source),
    cwd: meta.cwd,
    originator: meta.originator,
    cliVersion: meta.cli_version,
    modelProvider: textOrNull(meta.model_provider) ?? "",
    source,
    threadSource: textOrNull(meta.thread_source),
    agentNickname: textOrNull(meta.agent_nickname) ?? textOrNull(spawn?.["agent_nickname"]),
    agentRole: textOrNull(meta.agent_role) ?? textOrNull(spawn?.["agent_role"]),
    memoryMode: memoryModeOf(meta) ?? "enabled",
    git: gitOfMeta(meta) ?? null,
    createdAtMs,
    updatedAtMs: state.updatedAtMs === 0 ? createdAtMs : state.updatedAtMs,
    recencyAtMs: Math.max(state.recencyAtMs, createdAtMs),
  };
}

/**
 * What a session_meta says about git: undefined when it says nothing; null when it clears everything;
 * else the whole triple, absent members cleared.
 */
export function gitOfMeta(meta: SessionMeta): GitState | null | undefined {
  const { git } = meta;
  if (git === undefined || git === null) return undefined;
  const sha = textOrNull(git.commit_hash);
  const branch = textOrNull(git.branch);
  const originUrl = textOrNull(git.repository_url);
  return sha === null && branch === null && originUrl === null ? null : { sha, branch, originUrl };
}

function memoryModeOf(meta: SessionMeta): MemoryMode | undefined {
  const mode: unknown = meta.memory_mode;
  return mode === "enabled" || mode === "disabled" || mode === "polluted" ? mode : undefined;
}

function sourceOf(source: unknown): SessionSource {
  if (typeof source === "string") return source;
  if (typeof source === "object" && source !== null && !Array.isArray(source)) {
    return source as SessionSource;
  }
  return "vscode";
}

function spawnOf(source: SessionSource): Readonly<Record<string, unknown>> | undefined {
  if (typeof source === "string") return undefined;
  const subagent: unknown = source["subagent"];
  if (typeof subagent !== "object" || subagent === null) return undefined;
  const spawn: unknown = (subagent as { thread_spawn?: unknown }).thread_spawn;
  if (typeof spawn !== "object" || spawn === null) return undefined;
  return spawn as Readonly<Record<string, unknown>>;
}

/** The thread that spawned one with this source, or null. */
export function parentOf(source: SessionSource): string | null {
  return idOrNull(spawnOf(source)?.["parent_thread_id"]);
}

function applyEvent(state: ThreadMetadata, event: EventMsg): ThreadMetadata {
  if (event.type === "user_message") {
    if (state.hasUserMessage) return state;
    return { ...state, hasUserMessage: true, preview: previewOf(event) };
  }
  if (event.type === "thread_name_updated") return applyName(state, event);
  return state;
}

function applyName(state: ThreadMetadata, event: EventMsg): ThreadMetadata {
  const id = event["thread_id"];
  // A fork holds its ancestors' names too; they are not its own.
  if (state.hasSessionMeta && typeof id === "string" && idOf(id) !== state.id) return state;
  const name = trimWhite(textOrNull(event["thread_name"]) ?? "");
  return { ...state, name: name === "" ? null : name };
}

/** Clients put their own words before this line; what follows is what the person wrote. */
const REQUEST_MARK = "## My request for Codex:";

/** What a list shows of a first message. */
export function previewOf(event: EventMsg): string {
  const message = textOrNull(event["message"]) ?? "";
  const mark = message.indexOf(REQUEST_MARK);
  const text = trimWhite(mark < 0 ? message : message.slice(mark + REQUEST_MARK.length));
  if (text !== "") return text;
  return hasEntries(event["images"]) || hasEntries(event["local_images"]) ? "[Image]" : "";
}

function hasEntries(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}

/** Ids are the same thread's whatever their letters' case, and are shown in small ones. */
function idOf(id: string): string {
  return id.toLowerCase();
}

function idOrNull(value: unknown): string | null {
  return typeof value === "string" ? idOf(value) : null;
}

function textOrNull(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
