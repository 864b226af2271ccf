/**
 * Where threads are told of, listed and read differently here than by the peer. Part of the list in
 * app-server-differences.ts.
 */
import { memberAt, memberName, ourRefusal, plain } from "./difference-words.ts";
import type { ListedDifference } from "./transcript-comparison.ts";

/** What a thread says of itself. */
const MEMBER_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "git-not-collected",
    reason: "the server runs no git: a thread has the git fields that its clients set",
    covers: ({ path, ours, theirs }) =>
      (path.endsWith("gitInfo") && ours === null && memberAt(theirs, "sha") === "<SHA>") ||
      (/gitInfo\.(sha|originUrl|origin_url)$/.test(path) && ours === null) ||
      (path.endsWith("gitInfo.branch") && theirs === "trunk"),
  },
  {
    id: "git-kept",
    reason: "git fields that a client set are answered everywhere; the peer forgets them when it unarchives",
    covers: ({ request, path, ours, theirs }) =>
      request === "thread/unarchive" &&
      path.endsWith("gitInfo") &&
      plain(memberAt(ours, "branch")) !== "" &&
      theirs === null,
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
    id: "nothing-said-yet",
    reason: "a thread that is stored is listed; the peer lists it once it has a user message",
    covers: ({ request, path, ours, theirs }) =>
      request === "thread/list" &&
      theirs !== "<TS>" &&
      ((/^result\.data\.\+\d+$/.test(path) && memberAt(ours, "preview") === "" && theirs === undefined) ||
        (path === "result.backwardsCursor" && plain(ours) !== "" && theirs === null)),
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
    id: "config-not-read",
    reason: "a server has one configuration: the `config` of a request isn't read, so it names no unknown provider",
    covers: ({ scenario, note, request, kind, key, path, ours, theirs }) =>
      scenario === "start" &&
      note === "odd start params" &&
      request === "thread/start" &&
      ((kind === "extra" && key === "thread/started") ||
        (path === "result" && memberAt(ours, "thread") !== undefined && theirs === undefined) ||
        (path === "error" && plain(memberAt(theirs, "message")).endsWith("Model provider `nope` not found"))),
  },
];

/** Everything about threads. */
export const THREAD_DIFFERENCES: readonly ListedDifference[] = [
  ...MEMBER_DIFFERENCES,
  ...LIST_DIFFERENCES,
  ...START_DIFFERENCES,
];
