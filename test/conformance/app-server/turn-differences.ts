/**
 * Where turns go differently here than in the peer: what the agent does and doesn't do, what is told of it and
 * when, and what reads back. Part of the list in app-server-differences.ts.
 */
import { isMissing, memberAt, ourRefusal, plain } from "./difference-words.ts";
import type { ListedDifference, MessageDifference } from "./transcript-comparison.ts";

const USAGE = "thread/tokenUsage/updated";
/** What the peer sets the usage to when the model says that its window is full. */
const FULL_WINDOW = 258_400;

function isUsage({ key }: MessageDifference): boolean {
  return key.startsWith(USAGE);
}

function total(message: unknown): number {
  return Number(memberAt(message, "params.tokenUsage.total.totalTokens") ?? 0);
}

/** Usage: told when the model reported some, and nothing but what it reported. */
const USAGE_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "usage-repeated",
    reason:
      "the peer tells the usage that it told last again, at the start of turns and after calls; here it is told once",
    covers: (difference) => isUsage(difference) && difference.kind === "missing" && difference.isRepeat,
  },
  {
    id: "usage-overflow",
    reason: "the peer makes the usage up when the model says that its window is full; here it stays what was reported",
    covers: (difference) => {
      const { scenario, kind, note, ours, theirs } = difference;
      if (scenario !== "turns" || !isUsage(difference)) return false;
      if (kind === "missing") return total(theirs) >= FULL_WINDOW;
      return kind === "extra" && /^turn (9|10) /.test(note) && total(ours) < FULL_WINDOW;
    },
  },
  {
    id: "rollback-estimate",
    reason: "the peer estimates what a rolled-back context holds; here the last usage stays what the model reported",
    covers: ({ scenario, path, ours, theirs }) =>
      (scenario === "rollback" || scenario === "start") &&
      path === "params.tokenUsage.last.totalTokens" &&
      typeof ours === "number" &&
      typeof theirs === "number",
  },
  {
    id: "compaction-estimate",
    reason: "the peer estimates what a compacted context holds; here the last usage stays what the model reported",
    covers: (difference) =>
      isUsage(difference) &&
      (difference.request === "thread/compact/start" || difference.note.startsWith("compact")) &&
      (difference.kind === "missing" || difference.path === "params.tokenUsage.last.totalTokens"),
  },
  {
    id: "usage-unknown",
    reason: "a thread whose model reported nothing yet has no usage to tell; the peer tells an estimate of no turn",
    covers: (difference) =>
      isUsage(difference) && difference.kind === "missing" && memberAt(difference.theirs, "params.turnId") === "",
  },
  {
    id: "restored-usage-turn",
    reason: "restored usage names the turn that reported it; the peer a later turn, in which it only told it again",
    covers: (difference) =>
      isUsage(difference) &&
      difference.path === "params.turnId" &&
      /^thread\/(resume|fork|rollback)$/.test(difference.request),
  },
];

/** Tools: the agent has none of the peer's. */
const TOOL_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "no-shell",
    reason: "the agent runs no commands, changes no files and keeps no plan: a model that asks for it is told so",
    covers: ({ kind, key, path, theirs }) =>
      (kind === "missing" && /^(item\/\w+ (commandExecution|fileChange)|turn\/(diff|plan)\/updated)$/.test(key)) ||
      (/\.items\.\d+$/.test(path) && memberAt(theirs, "type") === "fileChange"),
  },
  {
    id: "no-search",
    reason: "the agent offers the model no search of its server's, so there is none to show",
    covers: ({ scenario, kind, key, path, theirs }) =>
      scenario === "turns" &&
      ((kind === "missing" && key.endsWith(" webSearch")) ||
        (/\.items\.\d+$/.test(path) && memberAt(theirs, "type") === "webSearch")),
  },
  {
    id: "echoed-words",
    reason: "the scripted model repeats what its client sent, and the two clients word patches and images differently",
    covers: ({ scenario, note, path, ours, theirs }) =>
      scenario === "turns" &&
      /^(turn (3|10)|read with turns)/.test(note) &&
      /(params\.(delta|item\.text)|\.text)$/.test(path) &&
      plain(ours) !== "" &&
      plain(theirs) !== "",
  },
  {
    id: "no-automatic-compaction",
    reason: "a context is compacted when it is asked for, not by itself in the turn after one that was too long",
    covers: ({ scenario, kind, key, note, path, theirs }) =>
      scenario === "turns" &&
      ((kind === "missing" && note.startsWith("turn 8 ") && key.endsWith(" contextCompaction")) ||
        (/\.items\.\d+$/.test(path) && memberAt(theirs, "type") === "contextCompaction")),
  },
];

/** Reviews: one turn of the thread itself, or of its copy. */
const REVIEW_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "review-one-turn",
    reason: "a review is one turn, with one id; the peer's has two ids, and reads back as two turns",
    covers: (difference) => {
      const { scenario, request, key, path, ours, theirs } = difference;
      if (scenario !== "review") return false;
      if (request === "review/start" && key === "turn/started") return path === "params.turn.id";
      return STORED_TURN.test(path) && isReview(ours ?? theirs) && (ours === undefined || theirs === undefined);
    },
  },
  {
    id: "review-usage",
    reason: "what a review used counts and is told as any turn's; the peer hides it with the reviewer's own thread",
    covers: (difference) =>
      difference.scenario === "review" &&
      isUsage(difference) &&
      (difference.kind === "extra" || difference.path.startsWith("params.tokenUsage.")),
  },
  {
    id: "review-words",
    reason: "each asks its reviewer in words of its own",
    covers: ({ scenario, path, ours, theirs }) =>
      scenario === "review" &&
      path.endsWith(".content.0.text") &&
      plain(ours).startsWith("Review the ") &&
      plain(theirs).startsWith("Review the "),
  },
  {
    id: "review-folder",
    reason: "a detached review works in its parent's folder; the peer's in the server's own",
    covers: ({ scenario, path, ours, theirs }) =>
      scenario === "review" && path.endsWith(".cwd") && ours === "<GITWS>" && theirs === "<CWD>",
  },
  {
    id: "review-no-thread",
    reason: "there is no hidden thread of a reviewer, so none is listed",
    covers: ({ scenario, path, theirs }) =>
      scenario === "review" && /^result\.data\.\d+$/.test(path) && memberAt(theirs, "source.subAgent") === "review",
  },
];

const STORED_TURN = /^result\.thread\.turns\.\+?\d+$/;

function isReview(turn: unknown): boolean {
  const items = memberAt(turn, "items");
  const types = Array.isArray(items) ? items.map((item: unknown) => memberAt(item, "type")) : [];
  return types.includes("enteredReviewMode") || types.includes("exitedReviewMode");
}

/** Failed turns. */
const FAILURE_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "failure-words",
    reason: "a failed turn says what the model's server said; the peer has words of its own",
    covers: ({ path, ours, theirs }) =>
      /(params|turn|turns\.\d+)\.error\.message$/.test(path) &&
      /^the model( request)? failed: /.test(plain(ours)) &&
      plain(theirs) !== "",
  },
  {
    id: "bad-request",
    reason: "a request that the model's server calls bad is a badRequest; the peer says other",
    covers: ({ path, ours, theirs }) =>
      path.endsWith("error.codexErrorInfo") && ours === "badRequest" && theirs === "other",
  },
  {
    id: "failed-turn",
    reason: "failed turns read back as failed, with their error; the peer forgets that",
    covers: ({ path, ours, theirs }) =>
      (/(turns|data)\.\d+\.status$/.test(path) && ours === "failed" && theirs === "completed") ||
      (/(turns|data)\.\d+\.error$/.test(path) && plain(memberAt(ours, "message")) !== "" && theirs === null),
  },
];

/** What is asked while a turn runs, or for none. */
const COMMAND_DIFFERENCES: readonly ListedDifference[] = [
  {
    id: "empty-input",
    reason: "an empty input is refused at once; the peer answers a turn that never runs, and fails a later one",
    covers: (difference) =>
      difference.scenario === "turns" &&
      difference.note === "turn 11 empty input" &&
      (isMissing(difference, "thread/status/changed systemError") ||
        isMissing(difference, "error") ||
        (difference.path === "result" && difference.ours === undefined) ||
        ourRefusal(difference) === "input must not be empty"),
  },
  {
    id: "steer-shown-at-once",
    reason: "what a running turn is steered with is stored and shown at once, not with the next model request",
    covers: ({ scenario, kind, key, request }) =>
      scenario === "turns" &&
      kind === "extra" &&
      (request === "turn/steer" || request === "turn/start") &&
      /^item\/(started|completed) userMessage$/.test(key),
  },
  {
    id: "steered-input-stored",
    reason: "what a turn was steered with reads back with it; the peer forgets it when the turn is interrupted",
    covers: ({ scenario, path, ours, theirs }) =>
      scenario === "turns" &&
      /\.items\.\+\d+$/.test(path) &&
      theirs === undefined &&
      memberAt(ours, "type") === "userMessage",
  },
  {
    id: "active-turn-id",
    reason: "turn/start while a turn runs steers it and answers its id; the peer answers one of a turn that never runs",
    covers: ({ scenario, note, path }) =>
      scenario === "turns" && note === "turn/start while active" && path === "result.turn.id",
  },
  {
    id: "rollback-refused",
    reason: "a rollback that is refused changes nothing; the peer says that the thread is broken until the next turn",
    covers: (difference) =>
      ((difference.scenario === "turns" || difference.scenario === "start") &&
        difference.request === "thread/rollback" &&
        isMissing(difference, "thread/status/changed systemError")) ||
      (difference.scenario === "turns" &&
        ((difference.kind === "extra" &&
          difference.request === "turn/interrupt" &&
          difference.key === "thread/status/changed idle") ||
          (difference.path.endsWith(".status.type") &&
            difference.ours === "idle" &&
            difference.theirs === "systemError"))),
  },
  {
    id: "rollbacks-in-turn",
    reason: "a second rollback waits for the first and rolls back as well; the peer refuses it",
    covers: (difference) => {
      const { scenario, note, request, kind, path, ours, theirs } = difference;
      if (scenario !== "rollback" || note !== "two rollbacks concurrently" || request !== "thread/rollback")
        return false;
      if (kind === "order") return true;
      if (kind === "extra") return isUsage(difference);
      if (path === "result") return memberAt(ours, "thread") !== undefined && theirs === undefined;
      return path === "error" && memberAt(theirs, "message") === "rollback already in progress for this thread";
    },
  },
  {
    id: "interrupt-answered",
    reason: "an interrupt of a turn that has ended is refused; the peer doesn't answer it",
    covers: ({ scenario, note, path, ours, theirs }) =>
      scenario === "turns" &&
      note === "interrupt when idle" &&
      ((path === "unanswered" && theirs === true) ||
        (path === "error" && memberAt(ours, "message") === "no active turn to interrupt")),
  },
  {
    id: "compaction-item-id",
    reason: "a compaction's item has the id of its turn, which has no other; the peer makes one up",
    covers: ({ key, path }) => key.endsWith(" contextCompaction") && path === "params.item.id",
  },
  {
    id: "cut-text-shown",
    reason: "what the model streamed of an answer is shown, also when it never said that an answer begins",
    covers: ({ scenario, note, kind, key, ours }) =>
      scenario === "turns" &&
      note === "turn 8 cut stream" &&
      kind === "extra" &&
      key === "item/agentMessage/delta" &&
      memberAt(ours, "params.delta") === "cut",
  },
  {
    id: "items-with-answer",
    reason: "items are recorded and told complete when the model's answer is whole, so that a failed try leaves none",
    covers: ({ scenario, note, kind, key }) =>
      scenario === "turns" && note === "turn 1 plain" && kind === "order" && key === "item/completed reasoning",
  },
  {
    id: "item-numbers",
    reason:
      "the items of a running turn are numbered on from the thread's; the peer numbers those of its last turn from 1",
    covers: ({ scenario, path, ours, theirs }) =>
      /^(turns|resume|review)$/.test(scenario) &&
      /\.items\.\d+\.id$/.test(path) &&
      /^item-\d+$/.test(plain(ours)) &&
      /^item-\d+$/.test(plain(theirs)),
  },
];

/** Everything about turns. */
export const TURN_DIFFERENCES: readonly ListedDifference[] = [
  ...USAGE_DIFFERENCES,
  ...TOOL_DIFFERENCES,
  ...REVIEW_DIFFERENCES,
  ...FAILURE_DIFFERENCES,
  ...COMMAND_DIFFERENCES,
];
