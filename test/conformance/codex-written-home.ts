/**
 * A home as the peer writes it: one thread for each thing that leaves its own trace in the files. The
 * names below are what the checks are reported under. At the end the process is killed in the middle
 * of a turn, as happens to real homes.
 */
import { CodexDriver } from "./codex-driver.ts";
import type { CodexPeer } from "./codex-peer.ts";

/** Thread ids by what was done to them. */
export type NamedThreads = ReadonlyMap<string, string>;

const PIXEL =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

type Step = (codex: CodexDriver, id: string) => Promise<unknown>;

/** Runs these turns one after another. */
function turns(...texts: readonly string[]): Step {
  return async (codex, id) => {
    for (const text of texts) await codex.turn(id, text);
  };
}

function steps(...all: readonly Step[]): Step {
  return async (codex, id) => {
    for (const step of all) await step(codex, id);
  };
}

const interruptedTurn: Step = async (codex, id) => {
  await codex.interrupt(id, await codex.hangingTurn(id, "this takes long"));
};

const shellCommand: Step = async (codex, id) => {
  const { mark } = codex.peer;
  await codex.peer.request("thread/shellCommand", { threadId: id, command: "echo from the user" });
  await codex.peer.waitFor(mark, ({ method }) => method === "turn/completed");
};

const inject: Step = (codex, id) => {
  const content = [{ type: "input_text", text: "injected" }];
  return codex.peer.request("thread/inject_items", {
    threadId: id,
    items: [{ type: "message", role: "user", content }],
  });
};

/** What each thread goes through; the file of each tells of it. */
const THREADS: Readonly<Record<string, Step>> = {
  plain: turns("first", "second"),
  tools: turns("weigh it {{think:thinking it over}}", "do it {{run:echo hello}}", "look {{search:skeins of yarn}}"),
  patch: turns("write it {{patch:made-by-the-peer.txt}}"),
  unicode: turns("Grüße 👋 日本語\nzweite Zeile\r\ndritte\u2028vierte", '  "quoted" \\ and \u0007 bell  '),
  rolledBack: steps(turns("one", "two", "three"), (codex, id) => codex.rollback(id, 2), turns("four")),
  rolledBackTwice: steps(
    turns("one", "two", "three"),
    (codex, id) => codex.rollback(id, 1),
    (codex, id) => codex.rollback(id, 1),
  ),
  rolledBackToNothing: steps(turns("one"), (codex, id) => codex.rollback(id, 5)),
  named: steps(turns("to be named"), (codex, id) => codex.name(id, "Ein Name 🧶")),
  renamed: steps(
    turns("to be renamed"),
    (codex, id) => codex.name(id, "first name"),
    (codex, id) => codex.name(id, "second name"),
  ),
  namedBeforeItsFirstTurn: (codex, id) => codex.name(id, "only a name"),
  git: steps(turns("with git"), (codex, id) =>
    codex.setGit(id, {
      sha: "0123456789abcdef0123456789abcdef01234567",
      branch: "feature/x",
      originUrl: "git@host:o/r.git",
    }),
  ),
  gitPartlyCleared: steps(
    turns("with git"),
    (codex, id) => codex.setGit(id, { sha: "abc", branch: "feature/y", originUrl: "git@host:o/r.git" }),
    (codex, id) => codex.setGit(id, { branch: null }),
  ),
  memoryDisabled: steps(turns("forget me"), (codex, id) => codex.setMemoryMode(id, "disabled")),
  archived: steps(turns("put away"), (codex, id) => codex.archive(id)),
  unarchived: steps(
    turns("put away and back"),
    (codex, id) => codex.archive(id),
    (codex, id) => codex.unarchive(id),
  ),
  interrupted: steps(turns("one"), interruptedTurn, turns("after it")),
  steered: (codex, id) => codex.steeredTurn(id, "begin this", "and mind that"),
  failed: turns("one", "this fails {{status:400}}", "after it"),
  onlyFailed: turns("this fails {{status:400}}"),
  compacted: steps(turns("one", "two"), (codex, id) => codex.compact(id), turns("after it")),
  rolledBackOverCompaction: steps(
    turns("one", "two"),
    (codex, id) => codex.compact(id),
    turns("three"),
    (codex, id) => codex.rollback(id, 2),
    turns("four"),
  ),
  reviewed: steps(turns("one"), (codex, id) => codex.review(id, "look at it closely"), turns("after it")),
  shell: steps(turns("one"), shellCommand),
  injected: steps(turns("one"), inject, turns("after it")),
  image: (codex, id) =>
    codex.turn(id, [
      { type: "text", text: "what is this?", text_elements: [] },
      { type: "image", url: PIXEL },
    ]),
};

/** Writes every thread, forks some, and leaves one killed in the middle of a turn. The peer is gone after this. */
export async function writeCodexHome(peer: CodexPeer, cwd: string): Promise<NamedThreads> {
  const codex = new CodexDriver(peer);
  const threads = new Map<string, string>();
  for (const [name, step] of Object.entries(THREADS)) {
    const id = await codex.start(cwd);
    await step(codex, id);
    threads.set(name, id);
  }
  const idOf = (name: string): string => threads.get(name) ?? "";
  const fork = await codex.fork(idOf("rolledBack"));
  await codex.turn(fork.id, "only in the fork");
  threads.set("fork", fork.id);
  threads.set("forkOfTheFork", (await codex.fork(fork.id)).id);
  threads.set("forkOfCompacted", (await codex.fork(idOf("compacted"))).id);
  const running = await codex.start(cwd);
  await codex.turn(running, "one");
  const turnId = await codex.hangingTurn(running, "being forked");
  threads.set("forkedWhileRunning", (await codex.fork(running)).id);
  await codex.interrupt(running, turnId);
  threads.set("sourceOfTheRunningFork", running);
  const killed = await codex.start(cwd);
  await codex.turn(killed, "one");
  await codex.hangingTurn(killed, "killed in this");
  threads.set("killed", killed);
  await peer.kill();
  return threads;
}
