/**
 * Where the app-server's messages may differ from the peer's, each with its reason: the whole list, with what
 * turn-differences.ts and thread-differences.ts say. What isn't listed fails the run, and what is listed and
 * never met fails it as well, so that the list stays true. Each is as narrow as it can be said: the message,
 * the member and both values.
 */
import { isMissing, memberAt, ourRefusal, plain } from "./difference-words.ts";
import { THREAD_DIFFERENCES } from "./thread-differences.ts";
import type { ListedDifference, MessageDifference } from "./transcript-comparison.ts";
import { TURN_DIFFERENCES } from "./turn-differences.ts";

/** What the peer says of itself and its account, and nobody else can. */
const PEER_ONLY: readonly ListedDifference[] = [
  {
    id: "remote-control",
    reason: "there is no remote control here, so nothing is told of it",
    covers: (difference) => isMissing(difference, "remoteControl/status/changed"),
  },
  {
    id: "rate-limits",
    reason: "there is no account here, so nothing is told of its limits",
    covers: (difference) => isMissing(difference, "account/rateLimits/updated"),
  },
  {
    id: "model-metadata",
    reason: "the peer warns at every turn of a model that it has no built-in data of; there is no such data here",
    covers: (difference) => isWarning(difference, "Model metadata for `"),
  },
  {
    id: "compaction-warning",
    reason: "the peer warns after each compaction that its model may get worse; that is a word about its model",
    covers: (difference) => isWarning(difference, "Heads up: Long threads"),
  },
  {
    id: "other-model-warning",
    reason: "the peer warns when a thread goes on with another model; here that is what the caller asked for",
    covers: (difference) => isWarning(difference, "This session was recorded with model `"),
  },
  {
    id: "cli-version",
    reason: "each writes its own version into the threads that it makes",
    covers: ({ path, ours, theirs }) =>
      path.endsWith("cliVersion") && theirs === "0.130.0" && /^\d+\.\d+\.\d+/.test(plain(ours)),
  },
  {
    id: "context-window",
    reason: "the peer assumes a context window for a model that it doesn't know; here it is null, not known",
    covers: ({ path, ours, theirs }) =>
      path.endsWith("modelContextWindow") && ours === null && typeof theirs === "number",
  },
  {
    id: "sandbox-policy",
    reason: "the agent runs no commands, so a sandbox is what was asked for, without the peer's own folders and rules",
    covers: ({ path, ours, theirs }) =>
      (path === "result.sandbox.writableRoots.0" && ours === undefined && theirs === "<HOME>/memories") ||
      /^result\.permissionProfile\.(type|network|fileSystem)$/.test(path),
  },
];

function isWarning(difference: MessageDifference, begin: string): boolean {
  return isMissing(difference, "warning") && plain(memberAt(difference.theirs, "params.message")).startsWith(begin);
}

/** Errors: the same codes and first words, and then more. */
const ERRORS: readonly ListedDifference[] = [
  {
    id: "error-data",
    reason: "errors carry a code that programs can tell them by, and the values that disagree, as data",
    covers: ({ path, ours, theirs }) =>
      path === "error.data" && theirs === undefined && plain(memberAt(ours, "skeinCode")) !== "",
  },
  {
    id: "error-says-more",
    reason: "after the peer's words an error says what to do",
    covers: ({ path, ours, theirs }) =>
      path === "error.message" && plain(theirs) !== "" && plain(ours).startsWith(plain(theirs)),
  },
  {
    id: "unreadable-rollout",
    reason: "what is no rollout is refused with what is wrong with it, not with the peer's word for all of it",
    covers: ({ path, ours, theirs }) => {
      const begin = /^failed to read thread: thread-store internal error: failed to read thread \S+: /;
      const [our, their] = [begin.exec(plain(ours))?.[0], begin.exec(plain(theirs))?.[0]];
      return path === "error.message" && our !== undefined && our === their && plain(ours).includes(" is no rollout: ");
    },
  },
];

/** Methods that are not about threads as they are stored and run here, and what they would do. */
const NOT_SERVED: readonly ListedDifference[] = [
  {
    id: "not-served",
    reason: "the methods are about the peer's own shell, goals, memories and approvals outside of turns: not served",
    covers: (difference) => {
      if (!UNSERVED.test(difference.request)) return false;
      const { path, ours, theirs } = difference;
      if (path === "result") return ours === undefined;
      if (path === "error.code") return ours === -32_601 && theirs === -32_600;
      return ourRefusal(difference).startsWith(`${difference.request} is not served here`);
    },
  },
  {
    id: "no-goals",
    reason: "there are no goals here, so there is none to read and nothing to tell",
    covers: ({ kind, key, request, path, ours }) =>
      (kind === "missing" && /^thread\/goal\/(updated|cleared)$/.test(key)) ||
      (request === "thread/goal/get" && path === "result.goal" && ours === null),
  },
  {
    id: "no-user-shell",
    reason: "the server runs no commands for a person: the turn of one isn't told, isn't stored, and isn't rolled back",
    covers: ({ scenario, note, kind, request, path, ours, theirs }) => {
      const isTurnOnlyTheirs = request === "thread/rollback" && STORED_TURN.test(path) && ours === undefined;
      return (
        (kind === "missing" && request === "thread/shellCommand") ||
        (STORED_TURN.test(path) && isEmptyTurn(theirs)) ||
        (scenario === "rollback" && note.startsWith("rollback a turn failed") && isTurnOnlyTheirs)
      );
    },
  },
];

const UNSERVED =
  /^(thread\/(shellCommand|goal\/(set|clear)|increment_elicitation|decrement_elicitation)|memory\/reset|mock\/experimentalMethod)$/;
const STORED_TURN = /^result\.(thread\.turns|data)\.\d+$/;

function isEmptyTurn(turn: unknown): boolean {
  return Array.isArray(memberAt(turn, "items")) && memberAt(turn, "items.0") === undefined;
}

/** Every difference between the app-server's transcripts and the peer's. */
export const APP_SERVER_DIFFERENCES: readonly ListedDifference[] = [
  ...PEER_ONLY,
  ...ERRORS,
  ...NOT_SERVED,
  ...TURN_DIFFERENCES,
  ...THREAD_DIFFERENCES,
];
