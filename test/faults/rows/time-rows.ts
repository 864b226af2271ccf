/**
 * Clocks that jump and processes that are stopped: leases are judged by what moves, never by the wall clock, and who
 * slept past its lease is refused.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { generateHome } from "../../../bench/home-generator.ts";
import { openStateDb } from "../../../src/runtime/index.ts";
import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { createSettableClock } from "../../../src/testing/settable-clock.ts";
import { CrashLedger } from "../../crash/crash-ledger.ts";
import { StateDbChild, type Verified } from "../../projections/state-db-run.ts";
import type { FaultContext, FaultRow } from "../fault-row.ts";
import { turnItems } from "../fault-home.ts";
import { doctorAttention, rowsThatDiffer, verifyFindings } from "../fault-inspection.ts";
import { checkByLedger, codesIn, PressureProcess } from "../pressure-process.ts";

const DAY_S = 86_400;
/** Jumps in seconds, there and back: a minute, a day, years before any file's time, and past what 32 bits count. */
const JUMPS_S = [60, -60, DAY_S, -DAY_S, -20 * 365 * DAY_S, 30 * 365 * DAY_S, -3_600, 10 * 365 * DAY_S];

async function jumpTwoProcesses(context: FaultContext): Promise<void> {
  const { books, folder, session, isSmoke } = context;
  const home = join(folder, "home");
  mkdirSync(home);
  const ledger = new CrashLedger();
  const env = session.shim.path === null ? {} : { LD_PRELOAD: session.shim.path };
  const start = (name: string, firstId: number): PressureProcess => {
    const own = { home, name, firstId, threads: 3, paddingChars: 10 };
    return new PressureProcess({ options: { ...own, withRows: true, durability: "fsync" }, env }, ledger);
  };
  const [jumping, steady] = [start("jumping", 0), start("steady", 1_000_000)];
  try {
    for (const child of [jumping, steady]) await child.run({ do: "open" }, books);
    for (const seconds of isSmoke ? JUMPS_S.slice(-2) : JUMPS_S) {
      books.inject();
      await jumping.run({ do: "jump", seconds }, books);
      for (const child of [jumping, steady]) {
        const codes = codesIn([
          ...(await child.run({ do: "append", times: 6, failuresMax: 6 }, books)),
          ...(await child.run({ do: "list" }, books)),
        ]);
        books.expect(codes.length === 0, `with the clock ${seconds} s away: ${codes.join(", ")}`);
      }
    }
    for (const child of [jumping, steady]) await child.close(books);
  } finally {
    await Promise.all([jumping.kill(), steady.kill()]);
  }
  books.code("acknowledged");
  await checkByLedger(ledger, home, books);
  for (const difference of await rowsThatDiffer(home)) books.break(difference);
  for (const { code, message } of await verifyFindings(home)) books.break(`${code}: ${message}`);
}

/** The clock port of a store and its state DB jumps between any two operations. */
async function jumpInProcess(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  const home = join(folder, "home");
  const clock = createSettableClock();
  const stateDb = await openStateDb({ home, clock });
  const store = await openLocalThreadStore({ home, stateDb, clock });
  let records = 0;
  const { writer } = await store.createThread({ metadata: { cwd: "/jumps" } });
  const { threadId } = writer;
  for (const seconds of JUMPS_S) {
    books.inject();
    const { nextOrdinal } = await store.appendItems({ writer, items: turnItems(`at ${seconds}`) });
    records = nextOrdinal;
    clock.advance(seconds * 1_000);
    await store.updateThreadMetadata({ threadId, patch: { name: `name ${seconds}` } });
    const { data } = await store.listThreads();
    books.expect(data.length === 1 && data[0]?.name === `name ${seconds}`, `${seconds} s: the list is wrong`);
    clock.advance(-2 * seconds * 1_000);
    await store.archiveThread(threadId);
    await store.unarchiveThread(threadId);
    const page = await store.loadHistory({ threadId });
    const isGapFree = page.records.every(({ ordinal }, at) => ordinal === at);
    books.expect(isGapFree && page.nextOrdinal === records, `${seconds} s: the log is wrong`);
  }
  books.acknowledge(records);
  books.code("acknowledged");
  await store.close();
  await stateDb.close();
  for (const difference of await rowsThatDiffer(home)) books.break(difference);
  for (const attention of await doctorAttention(home)) books.break(attention);
}

const SHORT_TTL_MS = 300;

/** Runs work with two processes on one home, which are killed after it. */
async function withTwo(
  { folder }: FaultContext,
  name: string,
  work: (sleeper: StateDbChild, taker: StateDbChild, home: string) => Promise<void>,
): Promise<void> {
  const home = join(folder, name);
  mkdirSync(home);
  const [sleeper, taker] = [new StateDbChild(home, SHORT_TTL_MS), new StateDbChild(home, SHORT_TTL_MS)];
  try {
    await work(sleeper, taker, home);
  } finally {
    await Promise.all([sleeper.kill(), taker.kill()]);
  }
}

const TAKE_MS_MAX = 20_000;

async function resumeWhenFree(child: StateDbChild, threadId: string): Promise<string | null> {
  const endMs = performance.now() + TAKE_MS_MAX;
  for (;;) {
    const { failed } = await child.ask({ do: "resume", threadId });
    if (failed === undefined) return null;
    if (failed.code !== "thread_owned_elsewhere" || performance.now() > endMs) return failed.code;
  }
}

async function expectRows({ books }: FaultContext, child: StateDbChild): Promise<void> {
  const { others } = await child.get<Verified>({ do: "verify" });
  for (const other of others) books.break(`rows: ${JSON.stringify(other)}`);
}

/** An owner of a thread sleeps past its lease; another takes the thread, and the sleeper wakes with an append to do. */
async function stopWriter(context: FaultContext): Promise<void> {
  const { books, isSmoke } = context;
  const rounds = isSmoke ? 1 : 5;
  for (let round = 0; round < rounds; round += 1) {
    await withTwo(context, `stop-${round}`, async (sleeper, taker) => {
      for (const child of [sleeper, taker]) await child.get({ do: "open" });
      const threadId = await sleeper.get<string>({ do: "create" });
      for (let n = 0; n <= round; n += 1) await sleeper.get({ do: "append", threadId, text: `before ${n}` });
      await sleeper.get({ do: "stop" });
      books.inject();
      sleeper.send({ do: "append", threadId, text: "too late" });
      const refused = await resumeWhenFree(taker, threadId);
      books.expect(refused === null, `the thread is still refused: ${refused}`);
      await taker.get({ do: "append", threadId, text: "taken" });
      sleeper.wake();
      await sleeper.next();
      const code = (await sleeper.next())?.failed?.code ?? "acknowledged";
      books.code(code);
      books.expect(code === "thread_owned_elsewhere", `who slept past its lease was told ${code}`);
      const history = await taker.get<string>({ do: "history", threadId });
      books.acknowledge(2 * (round + 2));
      for (let n = 0; n <= round; n += 1) if (!history.includes(`"before ${n}"`)) books.lose(`before ${n}`);
      if (!history.includes('"taken"')) books.lose("taken");
      if (history.includes('"too late"')) books.harm("the sleeper wrote into a thread that was taken from it");
      await expectRows(context, taker);
    });
    context.onCase(round + 1, rounds);
  }
}

/** A filler of rows sleeps past its lease, at several places of its work. */
async function stopFiller(context: FaultContext): Promise<void> {
  const { books, isSmoke } = context;
  for (const stopAfter of isSmoke ? [20] : [1, 20, 40, 60, 79]) {
    await withTwo(context, `fill-${stopAfter}`, async (sleeper, taker, home) => {
      const { threads } = generateHome(home, { threads: 80, bytes: 80 * 40_000, seed: 7 });
      sleeper.send({ do: "open", stopAfter });
      await sleeper.next();
      books.inject();
      await taker.get({ do: "open" });
      sleeper.wake();
      const code = (await sleeper.next())?.failed?.code ?? "acknowledged";
      books.code(code);
      books.expect(code === "lease_lost", `who slept past its lease was told ${code}`);
      const { differing } = await taker.get<{ differing: readonly string[] }>({ do: "compare" });
      books.acknowledge(threads.length);
      for (const thread of differing) books.lose(`${thread} by rows`);
      await expectRows(context, taker);
    });
  }
}

/** Time. */
export const TIME_ROWS: readonly FaultRow[] = [
  {
    id: "fault.clock-jump.process",
    what: "a wall clock that jumps",
    how: "under one of two processes on a home, by a minute to thirty years, there and back",
    holds: "no thread changes hands, nothing is refused, and lists are complete",
    needs: ["shim"],
    run: jumpTwoProcesses,
  },
  {
    id: "fault.clock-jump.store",
    what: "a wall clock that jumps between the operations of a store",
    how: "through the clock it is given",
    holds: "ordinals have no gap, and lists and names are right",
    needs: [],
    run: jumpInProcess,
  },
  {
    id: "fault.stop.writer",
    what: "SIGSTOP of a thread's owner, past its lease",
    how: "another process takes the thread; then SIGCONT, with an append to do",
    holds: "thread_owned_elsewhere, and nothing of the late append is in the log",
    needs: ["signals"],
    run: stopWriter,
  },
  {
    id: "fault.stop.filler",
    what: "SIGSTOP of a process that fills the rows, past its lease",
    how: "after 1 to 79 of 80 files; another one goes on; then SIGCONT",
    holds: "lease_lost, and the rows are right",
    needs: ["signals"],
    run: stopFiller,
  },
];
