/**
 * The demo's steps: a thread with turns, a fork, a rollback, a process that is really killed in the
 * middle of an answer, and the proof that nothing it was told is missing.
 */
import { LIMITS } from "../../base/index.ts";
import type { RolloutRecord } from "../../events/index.ts";
import { openRuntime, type Runtime } from "../../runtime/index.ts";
import type { ThreadStore } from "../../store/index.ts";
import type { CliContext } from "../cli-context.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { toJsonLine } from "../output.ts";
import type { Narrator } from "./demo-narrator.ts";
import { type AcknowledgedRecord, killWriterMidTurn } from "./killed-writer.ts";

/** What the steps left behind, to look at. */
export interface DemoThreads {
  readonly threadId: string;
  readonly forkId: string;
  readonly acknowledged: readonly AcknowledgedRecord[];
}

/** Steps 1 to 3 in a runtime of this process: turns, a fork, a rollback. */
export async function talkForkAndRollBack(
  context: CliContext,
  narrator: Narrator,
): Promise<Pick<DemoThreads, "threadId" | "forkId">> {
  return await withDemoRuntime(context, async (runtime) => {
    await narrator.step("A thread, and two turns with an agent that echoes");
    const thread = await runtime.startThread();
    await narrator.say(`thread ${thread.id}: every line with a # is one record of its log, ~ is only told live`, "dim");
    await narrator.show(thread, () => thread.run("What is a thread?"));
    const second = await narrator.show(thread, () => thread.run("And what is a fork?"));

    await narrator.step("A fork: a thread of its own that begins with a copy of the first turn");
    const fork = await runtime.forkThread(thread.id, { beforeTurnId: second.id });
    await narrator.say(`thread ${fork.id}`, "dim");
    await narrator.show(fork, () => fork.run("This is said in the fork alone."));

    await narrator.step("A rollback: the second turn is gone, the log only grew");
    const before = thread.snapshot();
    const after = await narrator.show(thread, () => thread.rollback(1));
    await narrator.say(
      `turns ${before.thread.turns.length} → ${after.thread.turns.length}, records ${before.nextOrdinal} → ${after.nextOrdinal}`,
    );
    await thread.updateMetadata({ name: "Skein's demo" });
    return { threadId: thread.id, forkId: fork.id };
  });
}

/** Step 4: another process goes on with the thread and is killed in the middle of an answer. */
export async function killAWriter(
  context: CliContext,
  narrator: Narrator,
  threadId: string,
): Promise<readonly AcknowledgedRecord[]> {
  await narrator.step("Another process goes on with the thread, and is killed with SIGKILL in the middle of an answer");
  const killed = await killWriterMidTurn(context.home, threadId);
  await narrator.say(`it was told that ${killed.acknowledged.length} records are safe on the disk`);
  await narrator.say(`its last words: "${toPlainLine(killed.shownText)}"`);
  return killed.acknowledged;
}

/** Step 5: opens the thread again, checks what was acknowledged, and goes on. Answers how many records are missing. */
export async function comeBack(context: CliContext, narrator: Narrator, threads: DemoThreads): Promise<number> {
  const { threadId, acknowledged } = threads;
  return await withDemoRuntime(context, async (runtime) => {
    await narrator.step("It comes back");
    const log = await readLog(runtime.store, threadId);
    const missing = acknowledged.filter(
      ({ ordinal, item }) => toJsonLine(log[ordinal]?.item ?? null) !== toJsonLine(item),
    );
    const found = acknowledged.length - missing.length;
    await narrator.say(
      `of ${acknowledged.length} acknowledged records ${found} are in the log, word for word`,
      missing.length === 0 ? "green" : "red",
    );
    const thread = await runtime.resumeThread(threadId);
    const { turns } = thread.snapshot().thread;
    await narrator.say(
      `the turn that was being answered reads as ${turns.at(-1)?.status ?? "missing"}; the next one follows it`,
    );
    await narrator.show(thread, () => thread.run("Are you still there?"));
    return missing.length;
  });
}

async function withDemoRuntime<Result>(
  context: CliContext,
  work: (runtime: Runtime) => Promise<Result>,
): Promise<Result> {
  const { home, clock, logger, cwd } = context;
  const runtime = await openRuntime({ home, clock, logger, cwd });
  try {
    return await work(runtime);
  } finally {
    await runtime.close();
  }
}

async function readLog(store: ThreadStore, threadId: string): Promise<readonly RolloutRecord[]> {
  const records: RolloutRecord[] = [];
  for (;;) {
    const page = await store.loadHistory({ threadId, from: records.length, limit: LIMITS.historyPageRecordsMax });
    records.push(...page.records);
    if (page.isEnd) return records;
  }
}
