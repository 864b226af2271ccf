/**
 * Where threads are told of, listed and read differently here than by the peer. Part of the list in
 * app-server-differences.ts.
 */
import { memberAt, memberName, plain } from "./difference-words.ts";
import type { ListedDifference } from "./transcript-comparison.ts";

/** What a thread says of itself. */
const MEMBER_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "git-at-once",
    reason: "a thread has its git state from its start on; the peer looks for it when the thread is first written",
    covers: ({ path, ours, theirs }) =>
      path.endsWith("gitInfo") && memberAt(ours, "sha") === "<SHA>" && theirs === null,
  },
  {
    id: "git-kept",
    reason: "git fields that a client set are answered everywhere; the peer forgets them when it unarchives and forks",
    covers: ({ path, ours, theirs }) =>
      (path.endsWith("gitInfo") && memberAt(ours, "branch") === "b1" && theirs === null) ||
      (path.endsWith("gitInfo.branch") && ours === "x" && theirs === "trunk"),
  },
  {
    id: "git-cleared",
    reason: "git fields that a client cleared stay cleared; the peer takes them from the thread's beginning again",
    covers: ({ scenario, path, ours, theirs }) =>
      scenario === "misc" &&
      ours === null &&
      (path.endsWith("gitInfo")
        ? memberAt(theirs, "sha") === "<SHA>"
        : /gitInfo\.(sha|originUrl)$/.test(path) && plain(theirs) !== ""),
  },
  {
    id: "thread-source",
    reason:
      "a thread's source is answered everywhere, a fork's is its own; the peer leaves it out or takes the parent's",
    covers: (difference) =>
      memberName(difference) === "threadSource" &&
      ((plain(difference.ours) !== "" && difference.theirs === null) ||
        (difference.ours === null && difference.theirs === "user" && difference.request === "thread/resume")),
  },
  {
    id: "forked-from",
    reason: "what a thread was forked from is answered everywhere; the peer leaves it out of lists and ephemeral reads",
    covers: ({ path, ours, theirs }) => path.endsWith("forkedFromId") && plain(ours) !== "" && theirs === null,
  },
  {
    id: "history-preview",
    reason: "a history that is resumed has no preview until somebody says something; the peer shows one in that answer",
    covers: ({ scenario, note, path, ours, theirs }) =>
      scenario === "resume" &&
      note === "resume with history (new thread)" &&
      path === "result.thread.preview" &&
      ours === "" &&
      theirs === "hist user",
  },
  {
    id: "ephemeral-preview",
    reason: "an ephemeral thread has a preview as any other",
    covers: ({ path, ours, theirs }) =>
      path === "result.thread.preview" && (ours === "eph one" || ours === "alpha") && theirs === "",
  },
];

/** Lists. */
const LIST_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "opaque-cursors",
    reason: "cursors hold the time and the id, so that no sibling of the same second is lost; the peer's hold the time",
    covers: ({ path, ours, theirs }) =>
      /^result\.(next|backwards)Cursor$/.test(path) && plain(ours) !== "" && theirs === "<TS>",
  },
  {
    id: "time-is-no-cursor",
    reason: "a cursor is one that a list gave; a time alone names no place between siblings of its second",
    covers: ({ scenario, note, path, ours, theirs }) =>
      scenario === "list" &&
      note === "cursor ts only" &&
      ((path === "result" && theirs !== undefined) ||
        (path === "error" && plain(memberAt(ours, "message")) === "invalid cursor: <TS>")),
  },
  {
    id: "siblings-kept",
    reason: "a page goes on with threads of the same second; the peer loses them",
    covers: ({ scenario, note, path, ours, theirs }) =>
      scenario === "list" &&
      note === "asc next" &&
      /^result\.data\.\+\d+$/.test(path) &&
      memberAt(ours, "id") !== undefined &&
      theirs === undefined,
  },
  {
    id: "nothing-said-yet",
    reason: "a thread that is stored is listed; the peer lists it once it has a user message",
    covers: ({ request, path, ours, theirs }) =>
      request === "thread/list" &&
      theirs !== "<TS>" &&
      ((/^result\.data\.\+\d+$/.test(path) && memberAt(ours, "preview") === "" && theirs === undefined) ||
        (path === "result.backwardsCursor" && plain(ours) !== "" && theirs === null)),
  },
];

/** What is told and read of threads in odd states. */
const STATE_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "concurrent-order",
    reason: "a started thread is told right after its answer; the peer tells it beside its answers to other requests",
    covers: ({ scenario, kind, key }) => scenario === "handshake" && kind === "order" && key === "thread/started",
  },
  {
    id: "moved-thread",
    reason: "a thread that was unarchived while it was loaded goes on; the peer looks for it where it was",
    covers: ({ scenario, note, path, ours, theirs }) =>
      scenario === "archive" &&
      note.startsWith("turn/start after unsubscribe") &&
      ((path === "result" && memberAt(ours, "thread") !== undefined) ||
        (path === "error" && plain(memberAt(theirs, "message")).includes("is not materialized yet"))),
  },
  {
    id: "items-listed",
    reason: "the items of a turn are listed; the peer has the method and doesn't serve it yet",
    covers: ({ request, path, theirs }) =>
      request === "thread/turns/items/list" &&
      (path === "error.code" ? theirs === -32_601 : plain(theirs).endsWith(" is not supported yet")),
  },
];

/** Ephemeral threads, other providers, configuration. */
const START_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "ephemeral-joined",
    reason: "an ephemeral thread that is loaded can be resumed and forked; the peer finds no file of it",
    covers: ({ scenario, note, request, kind, path, ours, theirs }) => {
      if (scenario !== "start" || note !== "ephemeral") return false;
      if (path === "error") return plain(memberAt(theirs, "message")) === "no rollout found for thread id <U>";
      if (path === "result") return memberAt(ours, "thread.ephemeral") === true && theirs === undefined;
      const isFollowing = kind === "extra" && /^thread\/(resume|fork|archive)$/.test(request);
      return isFollowing || (request === "thread/loaded/list" && path.startsWith("result.data.+"));
    },
  },
  {
    id: "one-provider",
    reason: "a server answers with one provider and starts no thread of another; it lists those that others made",
    covers: ({ scenario, note, request, kind, path, ours, theirs }) => {
      if (scenario !== "list") return false;
      if (request === "thread/loaded/list") return note === "loaded list" && !path.startsWith("error");
      if (path.endsWith(".status.type"))
        return ours === "notLoaded" && theirs === "idle" && note.startsWith("providers");
      if (kind === "missing") return note === "" && JSON.stringify(theirs).includes(SECOND_PROVIDERS_THREAD);
      const refused = plain(memberAt(ours, "message"));
      if (path === "error") return /Model provider `mock2` not found|missing field `threadId`/.test(refused);
      return path === "result" && note === "" && /^(thread|turn)\/start$/.test(request) && ours === undefined;
    },
  },
];

/** The name of its id in the peer's transcript. */
const SECOND_PROVIDERS_THREAD = '"<U7>"';

/** Everything about threads. */
export const THREAD_DIFFERENCES: readonly ListedDifference[] = [
  ...MEMBER_DIFFERENCES,
  ...LIST_DIFFERENCES,
  ...STATE_DIFFERENCES,
  ...START_DIFFERENCES,
];
