/**
 * Every member of every call's parameters: what kind of value it takes, what among values of that kind is wrong
 * all the same, and which code refuses it. From this table come the laws of bad input: callers over a wire and in
 * plain JavaScript have no types that would keep them from any of it.
 */
import fc from "fast-check";

import { canonicalThreadId, type ErrorCode } from "../base/index.ts";
import type { OpenedThread } from "../store/index.ts";
import { userMessage } from "./law-steps.ts";
import type { StoreNeed } from "./store-claims.ts";

/** Kinds of values that members take. */
type MemberKind =
  | "text"
  | "text or null"
  | "text or object"
  | "flag"
  | "number"
  | "object"
  | "object or null"
  | "texts"
  | "list";

/** One member. */
export interface CallMember {
  readonly kind: MemberKind;
  /** What refuses a value of another kind. Default `invalid_argument`. */
  readonly kindCode?: ErrorCode;
  /** Values of its kind that are refused; absent: every value of the kind is taken, or says what isn't there. */
  readonly wrong?: fc.Arbitrary<unknown>;
  /** What refuses those. Default `invalid_argument`. */
  readonly wrongCode?: ErrorCode;
  /** Of a call that not every store has. */
  readonly needs?: StoreNeed;
}

const unknownId = "019b0000-0000-7000-8000-0000000000ff";

/** Text that names no thread, whoever spells it. */
export function arbBadThreadId(): fc.Arbitrary<string> {
  const near = [` ${unknownId}`, unknownId.slice(1), `${unknownId}0`, `{${unknownId}`, unknownId.replace("b", "g")];
  return fc
    .oneof(fc.constantFrom("", "nope", "../etc/passwd", "019b", ...near), fc.string())
    .filter((text) => canonicalThreadId(text) === undefined);
}

/** A value of another kind. */
export function arbOfOtherKind(kind: MemberKind): fc.Arbitrary<unknown> {
  const plain = [5, 0.5, true, false, "text", "", [], ["text"], [5], [null], {}, { x: 1 }, 1n];
  const drawn = fc.oneof(
    // The one that most programs have at hand.
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 6, arbitrary: fc.constantFrom<unknown>(...plain) },
    { weight: 1, arbitrary: fc.func(fc.constant(0)) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 1 }) },
  );
  return drawn.filter((value) => !isOfKind(value, kind));
}

function isOfKind(value: unknown, kind: MemberKind): boolean {
  const isText = typeof value === "string";
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  switch (kind) {
    case "text":
      return isText;
    case "text or null":
      return isText || value === null;
    case "text or object":
      return isText || isObject;
    case "flag":
      return typeof value === "boolean";
    case "number":
      return typeof value === "number";
    case "object":
      return isObject;
    case "object or null":
      return isObject || value === null;
    case "texts":
      return Array.isArray(value) && value.every((entry) => typeof entry === "string");
    case "list":
      return Array.isArray(value);
  }
}

const text: CallMember = { kind: "text" };
const textOrNull: CallMember = { kind: "text or null" };
const flag: CallMember = { kind: "flag" };
const texts: CallMember = { kind: "texts" };
const blank = fc.constantFrom("", " ", " \t\n");
const threadId: CallMember = {
  kind: "text",
  kindCode: "invalid_thread_id",
  wrong: arbBadThreadId(),
  wrongCode: "invalid_thread_id",
};
/** Of a list's filters, whose kinds are looked at first. */
const filterId: CallMember = { kind: "text", wrong: arbBadThreadId(), wrongCode: "invalid_thread_id" };
const fraction = fc.double().filter((value) => !Number.isInteger(value));
const limit: CallMember = {
  kind: "number",
  wrong: fc.oneof(
    fc.constant(0),
    fc.constantFrom(-1, 0.5, Number.NaN, Infinity, 2 ** 53),
    fc.oneof(fc.integer({ max: 0 }), fraction),
  ),
};
const ordinal: CallMember = {
  kind: "number",
  wrong: fc.oneof(fc.constantFrom(-1, 1.5, Number.NaN, Infinity, 2 ** 53), fc.integer({ max: -1 }), fraction),
};
const word = fc.constantFrom("", "up", "name", "some", "ASC", "maybe");
const oneOfWords: CallMember = { kind: "text", wrong: word };
/** Not only text that is no cursor at all, but such as could be one of some store. */
const cursor: CallMember = {
  kind: "text",
  wrong: fc.oneof(
    fc.constantFrom("", "zzz", "[]", "{}", "null", "0", "A".repeat(100_000)),
    fc.constant(JSON.stringify({ turnId: "nowhere", includeAnchor: false })),
    fc.string(),
    fc.json().map((json) => Buffer.from(json).toString("base64url")),
  ),
  wrongCode: "invalid_cursor",
};
const gitTextToSet: CallMember = { kind: "text or null", wrong: blank };

/** By `method.member`; a member of a member stands behind it. */
export const callMembers: Readonly<Record<string, CallMember>> = Object.freeze({
  "createThread.threadId": threadId,
  "createThread.metadata": { kind: "object", wrong: fc.constantFrom({}, { modelProvider: "x" }) },
  "createThread.metadata.cwd": { kind: "text", wrong: fc.constant("") },
  "createThread.metadata.modelProvider": text,
  "createThread.metadata.memoryMode": oneOfWords,
  "createThread.metadata.source": {
    kind: "text or object",
    wrong: fc.constantFrom({ custom: Number.NaN }, { custom: 1n }, { custom: { made: new Date(0) } }),
  },
  "createThread.metadata.threadSource": textOrNull,
  "createThread.metadata.originator": text,
  "createThread.metadata.baseInstructions": text,
  "createThread.metadata.git": { kind: "object or null" },
  "createThread.metadata.git.sha": textOrNull,
  "createThread.metadata.git.branch": textOrNull,
  "createThread.metadata.git.originUrl": textOrNull,
  "createThread.metadata.agentNickname": textOrNull,
  "createThread.metadata.agentRole": textOrNull,
  "createThread.fork": { kind: "object", needs: "fork" },
  "createThread.fork.threadId": { ...threadId, needs: "fork" },
  "createThread.fork.endOrdinal": { ...ordinal, needs: "fork" },
  "resumeThread.threadId": threadId,
  "resumeThread.rolloutPath": text,
  "appendItems.items": { kind: "list", wrong: fc.constant([]) },
  "appendItems.expectedOrdinal": ordinal,
  "appendItems.idempotencyKey": {
    kind: "text",
    wrong: fc.constantFrom("", "k".repeat(100_000), "half \ud800", "\udc00"),
  },
  "loadHistory.threadId": threadId,
  "loadHistory.from": ordinal,
  "loadHistory.limit": limit,
  "loadHistory.hint": text,
  "readThread.threadId": threadId,
  "readThread.includeHistory": flag,
  "readThreadByRolloutPath.rolloutPath": text,
  "readThreadByRolloutPath.includeHistory": flag,
  "listThreads.cursor": cursor,
  "listThreads.limit": limit,
  "listThreads.sortKey": oneOfWords,
  "listThreads.sortDirection": oneOfWords,
  "listThreads.archived": flag,
  "listThreads.modelProviders": texts,
  "listThreads.sources": texts,
  "listThreads.cwds": texts,
  "listThreads.searchTerm": text,
  "listThreads.parentThreadId": filterId,
  "listThreads.ancestorThreadId": filterId,
  "listThreads.useStateDbOnly": flag,
  "searchThreads.query": { kind: "text", wrong: blank, needs: "search" },
  "searchThreads.cursor": { ...cursor, needs: "search" },
  "searchThreads.limit": { ...limit, needs: "search" },
  "searchThreads.archived": { ...flag, needs: "search" },
  "listTurns.threadId": threadId,
  "listTurns.cursor": cursor,
  "listTurns.limit": limit,
  "listTurns.sortDirection": oneOfWords,
  "listTurns.itemsView": oneOfWords,
  "listItems.threadId": { ...threadId, needs: "itemLists" },
  "listItems.turnId": {
    kind: "text",
    wrong: fc.constantFrom("nowhere", ""),
    wrongCode: "turn_not_found",
    needs: "itemLists",
  },
  "listItems.cursor": { ...cursor, needs: "itemLists" },
  "listItems.limit": { ...limit, needs: "itemLists" },
  "listItems.sortDirection": { ...oneOfWords, needs: "itemLists" },
  "updateThreadMetadata.threadId": threadId,
  "updateThreadMetadata.patch": { kind: "object", wrong: fc.constantFrom({}, { unknown: "x" }) },
  "updateThreadMetadata.patch.name": {
    kind: "text or null",
    wrong: fc.oneof(blank, fc.constant("x".repeat(100_000))),
  },
  "updateThreadMetadata.patch.memoryMode": oneOfWords,
  "updateThreadMetadata.patch.git": { kind: "object", wrong: fc.constantFrom({}, { other: "x" }) },
  "updateThreadMetadata.patch.git.sha": gitTextToSet,
  "updateThreadMetadata.patch.git.branch": gitTextToSet,
  "updateThreadMetadata.patch.git.originUrl": gitTextToSet,
});

/** Parameters that are fine, but for this member. */
export function paramsWith(thread: OpenedThread, member: string, value: unknown): Readonly<Record<string, unknown>> {
  const [method = "", ...path] = member.split(".");
  return withMember(fineParams(thread, method, path[0]), path, value);
}

function fineParams({ writer }: OpenedThread, method: string, member?: string): Readonly<Record<string, unknown>> {
  const { threadId: id } = writer;
  const git = { sha: "0", branch: null, originUrl: null };
  switch (method) {
    case "createThread": {
      // A store without forks refuses one, whatever else is wrong.
      const fork = member === "fork" ? { fork: { threadId: id, endOrdinal: 1 } } : {};
      return { metadata: { cwd: "/work/place", git }, ...fork };
    }
    case "appendItems":
      return { writer, items: [userMessage("x")] };
    case "readThreadByRolloutPath":
      return { rolloutPath: "/nowhere/rollout.jsonl" };
    case "listThreads":
      return {};
    case "searchThreads":
      return { query: "hello" };
    case "updateThreadMetadata":
      return { threadId: id, patch: { name: "fine", memoryMode: "polluted", git } };
    default:
      return { threadId: id };
  }
}

function withMember(
  params: Readonly<Record<string, unknown>>,
  [name = "", ...rest]: readonly string[],
  value: unknown,
): Readonly<Record<string, unknown>> {
  if (rest.length === 0) return { ...params, [name]: value };
  const inner = params[name];
  return {
    ...params,
    [name]: withMember(typeof inner === "object" && inner !== null ? { ...inner } : {}, rest, value),
  };
}
