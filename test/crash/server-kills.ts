/**
 * The kill matrix of app-servers: a server is killed with SIGKILL the moment its client reads a certain line,
 * started again on the same home, and asked for the thread. What the client had been told and the thread
 * doesn't hold is counted. One home takes all the kills of a run, so torn ends are gone on with.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Members, ServerProcess } from "./server-process.ts";
import type { ServerCommand, ServerSide } from "./server-sides.ts";
import { type ToldFact, ToldFacts } from "./told-facts.ts";

/** The line at which a server is killed. */
export type KillPoint = "turn/start answer" | "turn/started" | "user item" | "agent item" | "turn/completed";

export const KILL_POINTS: readonly KillPoint[] = Object.freeze([
  "turn/start answer",
  "turn/started",
  "user item",
  "agent item",
  "turn/completed",
]);

/** What to kill, where and how often. */
export interface ServerKillOptions {
  readonly side: ServerSide;
  readonly baseUrl: string;
  readonly point: KillPoint;
  readonly kills: number;
}

/** What became of what clients were told. */
export interface KillCounts {
  readonly point: KillPoint;
  readonly kills: number;
  /** Facts that clients were told: turns accepted, started and completed, items completed. */
  readonly told: number;
  readonly missing: number;
  /** Kills after which anything was missing. */
  readonly killsWithLoss: number;
  /** Threads with a turn that was told of, which the restarted server could not resume. */
  readonly threadsGone: number;
  /** The first facts that were missing, as JSON. */
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 3;

/** Kills as often as asked, each at the same point. */
export async function runServerKills({ side, baseUrl, point, kills }: ServerKillOptions): Promise<KillCounts> {
  const home = await mkdtemp(join(tmpdir(), "skein-kills-"));
  const counts = { told: 0, missing: 0, killsWithLoss: 0, threadsGone: 0 };
  const examples: string[] = [];
  try {
    const command = await side.prepare(home, baseUrl);
    for (let kill = 0; kill < kills; kill += 1) {
      // Every second one dies in its second turn.
      const { threadId, told } = await killAt(command, point, kill % 2);
      const thread = await resumed(command, threadId);
      const missing = told.missingIn(thread);
      counts.told += told.facts.length;
      counts.missing += missing.length;
      counts.killsWithLoss += missing.length > 0 ? 1 : 0;
      counts.threadsGone += thread === null ? 1 : 0;
      for (const fact of missing) if (examples.length < EXAMPLES_MAX) examples.push(JSON.stringify(fact));
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  return { point, kills, ...counts, examples };
}

/** Runs turns in a new thread until the point in the last of them, and kills the server there. */
async function killAt(
  command: ServerCommand,
  point: KillPoint,
  turnsBefore: number,
): Promise<{ readonly threadId: string; readonly told: ToldFacts }> {
  const server = new ServerProcess(command);
  const told = new ToldFacts();
  try {
    await server.ready();
    const { thread } = (await server.request("thread/start", { cwd: command.cwd })) as { readonly thread: Members };
    const threadId = String(thread["id"]);
    for (let turn = 0; turn < turnsBefore; turn += 1) await runTurn(server, { threadId, told, point: null });
    await runTurn(server, { threadId, told, point });
    return { threadId, told };
  } finally {
    await server.kill();
  }
}

interface TurnToRun {
  readonly threadId: string;
  readonly told: ToldFacts;
  /** Where the server is killed; null: nowhere. */
  readonly point: KillPoint | null;
}

/** Runs a turn to its end, or the server's. Killed in the very call that reads the line. */
async function runTurn(server: ServerProcess, { threadId, told, point }: TurnToRun): Promise<void> {
  const ended = Promise.withResolvers<void>();
  const look = (fact: ToldFact | null): void => {
    if (fact === null) return;
    if (point !== null && isAt(fact, point)) ended.resolve(server.kill());
    else if (fact.what === "completed") ended.resolve();
  };
  const stop = server.listen(({ method, members }) => {
    if (method !== null) look(told.take(method, members["params"] as Members));
    else if (turnIdOf(members) !== null) look(told.accepted(threadId, String(turnIdOf(members))));
  });
  const input = [{ type: "text", text: "What is told is on the disk?", text_elements: [] }];
  // Its end is heard by the listener; here only what refuses it.
  server.request("turn/start", { threadId, input }).catch(ended.reject);
  try {
    await ended.promise;
  } finally {
    stop();
  }
}

/** The turn that an answer accepts, or null for any other answer. */
function turnIdOf(answer: Members): unknown {
  const turn = (answer["result"] as Members | undefined)?.["turn"] as Members | undefined;
  return turn?.["id"] ?? null;
}

function isAt(fact: ToldFact, point: KillPoint): boolean {
  switch (point) {
    case "turn/start answer":
      return fact.what === "accepted";
    case "turn/started":
      return fact.what === "started";
    case "turn/completed":
      return fact.what === "completed";
    case "user item":
      return fact.what === "item" && fact.kind === "userMessage";
    case "agent item":
      return fact.what === "item" && fact.kind === "agentMessage";
  }
}

/** The thread as a server started anew resumes it, or null where it can't. */
async function resumed(command: ServerCommand, threadId: string): Promise<Members | null> {
  const server = new ServerProcess(command);
  try {
    await server.ready();
    const answer = await server.request("thread/resume", { threadId }).catch((error: unknown) => error);
    if (!(answer instanceof Error)) return (answer as { readonly thread: Members }).thread;
    if (/no rollout found|not found|empty|no session/i.test(answer.message)) return null;
    throw answer;
  } finally {
    await server.close();
  }
}
