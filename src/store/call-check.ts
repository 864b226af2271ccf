/**
 * What a call of a store must be given before any adapter looks at it: an object with members of the right
 * kind. The types say so too; callers over a wire and in plain JavaScript have none. Values that have rules
 * of their own (limits, ordinals, directions, cursors, ids) are checked where those rules are.
 * (bad-call.parameters, bad-call.members, bad-call.writers)
 */
import { canonicalThreadId, rejection } from "../base/index.ts";
import type { CreateThreadParams, ListThreadsParams, ThreadWriter } from "./thread-store.ts";

/** What a member may be when it is there; `undefined` is as good as absent, but not for a given text. */
type MemberKind =
  | "text"
  | "a given text"
  | "text or an object"
  | "text or null"
  | "true or false"
  | "an object"
  | "an object or null"
  | "a list of texts";

/** The members of a call's parameters that have no rules but their kind. */
type MemberKinds = Readonly<Record<string, MemberKind>>;

const CALLS = {
  createThread: { metadata: "an object", fork: "an object" },
  resumeThread: { rolloutPath: "text" },
  appendItems: {},
  loadHistory: { hint: "text" },
  readThread: { includeHistory: "true or false" },
  readThreadByRolloutPath: { rolloutPath: "a given text", includeHistory: "true or false" },
  listThreads: {
    cursor: "text",
    archived: "true or false",
    modelProviders: "a list of texts",
    sources: "a list of texts",
    cwds: "a list of texts",
    searchTerm: "text",
    parentThreadId: "text",
    ancestorThreadId: "text",
    useStateDbOnly: "true or false",
  },
  searchThreads: { query: "a given text", cursor: "text", archived: "true or false" },
  listTurns: { cursor: "text" },
  listItems: { turnId: "text", cursor: "text" },
  updateThreadMetadata: { patch: "an object" },
} as const satisfies Readonly<Record<string, MemberKinds>>;

const METADATA: MemberKinds = {
  modelProvider: "text",
  source: "text or an object",
  threadSource: "text or null",
  originator: "text",
  baseInstructions: "text",
  git: "an object or null",
  agentNickname: "text or null",
  agentRole: "text or null",
};
const GIT: MemberKinds = { sha: "text or null", branch: "text or null", originUrl: "text or null" };

/** Throws `invalid_argument` unless these can be the parameters of this call. */
export function checkCall(call: keyof typeof CALLS, params: unknown): void {
  checkMembers(`the parameters of ${call}`, params, CALLS[call]);
}

/** The same for a new thread, whose metadata become the first record of its log. */
export function checkCreate(params: CreateThreadParams): void {
  checkCall("createThread", params);
  const { metadata } = params;
  checkMembers("metadata", metadata, METADATA);
  if (metadata.git !== undefined && metadata.git !== null) checkMembers("metadata.git", metadata.git, GIT);
}

/** The same for a list; gives its parameters with canonical ids. `invalid_thread_id`. */
export function checkList(params: ListThreadsParams): ListThreadsParams {
  checkCall("listThreads", params);
  const { parentThreadId, ancestorThreadId } = params;
  return {
    ...params,
    ...(parentThreadId === undefined ? {} : { parentThreadId: requireThreadId(parentThreadId) }),
    ...(ancestorThreadId === undefined ? {} : { ancestorThreadId: requireThreadId(ancestorThreadId) }),
  };
}

/** Throws `invalid_argument` unless this can name a writer. Whether it is an open one is the adapter's to say. */
export function checkWriter(writer: ThreadWriter): void {
  if (!isWriter(writer)) throw rejection("invalid_argument", "a writer is what createThread or resumeThread answered");
}

/** Whether this can name a writer. */
export function isWriter(writer: unknown): writer is ThreadWriter {
  return isObject(writer) && typeof writer["threadId"] === "string" && typeof writer["epoch"] === "number";
}

/** A thread id as given from outside, in its canonical form. `invalid_thread_id`. */
export function requireThreadId(threadId: unknown): string {
  const isText = typeof threadId === "string";
  const canonical = isText ? canonicalThreadId(threadId) : undefined;
  if (canonical !== undefined) return canonical;
  const shown = isText ? threadId.slice(0, 100) : typeof threadId;
  throw rejection("invalid_thread_id", `a thread id is a UUID, not ${JSON.stringify(shown)}`, { threadId: shown });
}

/** Throws `invalid_argument` unless this can be told of events. */
export function checkListener(listener: unknown): void {
  if (typeof listener !== "function") throw rejection("invalid_argument", "a listener must be a function");
}

function checkMembers(what: string, value: unknown, kinds: MemberKinds): void {
  if (!isObject(value)) throw rejection("invalid_argument", `${what} must be an object`);
  for (const [name, kind] of Object.entries(kinds)) {
    const member = value[name];
    if (member === undefined && kind !== "a given text") continue;
    if (!isOfKind(member, kind)) {
      throw rejection("invalid_argument", `${what}: ${name} must be ${kind}`, { member: name });
    }
  }
}

function isOfKind(value: unknown, kind: MemberKind): boolean {
  switch (kind) {
    case "text":
    case "a given text":
      return typeof value === "string";
    case "text or null":
      return value === null || typeof value === "string";
    case "text or an object":
      return typeof value === "string" || isObject(value);
    case "true or false":
      return typeof value === "boolean";
    case "an object":
      return isObject(value);
    case "an object or null":
      return value === null || isObject(value);
    case "a list of texts":
      return Array.isArray(value) && value.every((entry) => typeof entry === "string");
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
