/**
 * A home as Skein writes it: one thread for each thing that can be done to a thread, through the
 * package's public face. The names are what the checks are reported under. Nothing is loaded at the end.
 */
import type { ThreadHandle } from "../../src/index.ts";
import type { NamedThreads } from "./codex-written-home.ts";
import type { SkeinHome } from "./skein-home.ts";

type Step = (thread: ThreadHandle, home: SkeinHome) => Promise<unknown>;

const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/** Runs these turns one after another, each to its end. */
function turns(...texts: readonly string[]): Step {
  return async (thread) => {
    for (const text of texts) await (await thread.startTurn(text)).completed;
  };
}

function steps(...all: readonly Step[]): Step {
  return async (thread, home) => {
    for (const step of all) await step(thread, home);
  };
}

const interruptedTurn: Step = async (thread) => {
  const { turnId } = await thread.startTurn("this takes long {{hang}}");
  await thread.interrupt(turnId);
};

const steeredTurn: Step = async (thread, home) => {
  const { turnId, completed } = await thread.startTurn("begin this {{steer}}");
  await thread.steer(turnId, "and mind that");
  home.releaseSteered();
  await completed;
};

const compact: Step = async (thread) => (await thread.compact()).completed;

const review: Step = async (thread) =>
  (await thread.review({ type: "custom", instructions: "look at it closely" })).completed;

const revertToTheSecond: Step = (thread) => {
  const second = thread.snapshot().thread.turns[1];
  if (second === undefined) throw new Error("the scenario needs a second turn");
  return thread.revert(second.id);
};

const GIT = { sha: "0123456789abcdef0123456789abcdef01234567", branch: "feature/x", originUrl: "git@host:o/r.git" };

/** What each thread goes through; the file of each tells of it. */
const THREADS: Readonly<Record<string, Step>> = {
  plain: turns("first", "second"),
  tools: turns("weigh it {{think:thinking it over}}", "look outside {{call}}"),
  unicode: turns("Grüße 👋 日本語\nzweite Zeile\r\ndritte\u2028vierte", '  "quoted" \\ and \u0007 bell  '),
  longMessage: turns("word ".repeat(60_000)),
  rolledBack: steps(turns("one", "two", "three"), (thread) => thread.rollback(2), turns("four")),
  rolledBackTwice: steps(
    turns("one", "two", "three"),
    (thread) => thread.rollback(1),
    (thread) => thread.rollback(1),
  ),
  rolledBackToNothing: steps(turns("one"), (thread) => thread.rollback(5)),
  reverted: steps(turns("one", "two", "three"), revertToTheSecond, turns("four")),
  named: steps(turns("to be named"), (thread) => thread.updateMetadata({ name: "Ein Name 🧶" })),
  renamed: steps(
    turns("to be renamed"),
    (thread) => thread.updateMetadata({ name: "first name" }),
    (thread) => thread.updateMetadata({ name: "second name" }),
  ),
  namedBeforeItsFirstTurn: (thread) => thread.updateMetadata({ name: "only a name" }),
  git: steps(turns("with git"), (thread) => thread.updateMetadata({ git: GIT })),
  gitPartlyCleared: steps(
    turns("with git"),
    (thread) => thread.updateMetadata({ git: GIT }),
    (thread) => thread.updateMetadata({ git: { branch: null } }),
  ),
  memoryDisabled: steps(turns("forget me"), (thread) => thread.updateMetadata({ memoryMode: "disabled" })),
  archived: steps(turns("put away"), (thread, home) => home.archive(thread.id)),
  unarchived: steps(
    turns("put away and back"),
    (thread, home) => home.archive(thread.id),
    (thread, home) => home.unarchive(thread.id),
  ),
  interrupted: steps(turns("one"), interruptedTurn, turns("after it")),
  steered: steeredTurn,
  failed: turns("one", "this fails {{fail}}", "after it"),
  onlyFailed: turns("this fails {{fail}}"),
  compacted: steps(turns("one", "two"), compact, turns("after it")),
  rolledBackOverCompaction: steps(
    turns("one", "two"),
    compact,
    turns("three"),
    (thread) => thread.rollback(2),
    turns("four"),
  ),
  reviewed: steps(turns("one"), review, turns("after it")),
  injected: steps(
    turns("one"),
    (thread) =>
      thread.injectItems([{ type: "message", role: "user", content: [{ type: "input_text", text: "injected" }] }]),
    turns("after it"),
  ),
  image: async (thread) =>
    (
      await thread.startTurn([
        { type: "text", text: "what is this?" },
        { type: "image", url: PIXEL },
      ])
    ).completed,
};

/** Writes every thread and forks some. */
export async function writeSkeinHome(home: SkeinHome): Promise<NamedThreads> {
  const threads = new Map<string, string>();
  for (const [name, step] of Object.entries(THREADS)) {
    const thread = await home.start();
    await step(thread, home);
    threads.set(name, thread.id);
  }
  const idOf = (name: string): string => threads.get(name) ?? "";
  const fork = await home.fork(idOf("rolledBack"));
  await turns("only in the fork")(fork, home);
  threads.set("fork", fork.id);
  threads.set("forkOfTheFork", (await home.fork(fork.id)).id);
  threads.set("forkOfCompacted", (await home.fork(idOf("compacted"))).id);
  const [, second] = (await home.read(idOf("plain"))).turns;
  const cut = await home.fork(idOf("plain"), second?.id);
  await turns("another second")(cut, home);
  threads.set("forkBeforeATurn", cut.id);
  await home.start(); // Never has a turn: it leaves no trace.
  return threads;
}
