/**
 * SIGKILL at each call by which an operation changes its home: before the Nth, and in the middle of it where it
 * writes to a log. Every multi-step operation has a row of its own.
 */
import { type FaultContext, type FaultRow, drawCalls, runCases } from "../fault-row.ts";
import { judgeHome } from "../fault-judge.ts";
import { type FaultOperation, OPERATIONS } from "../fault-operations.ts";
import { placeOf } from "../operation-stage.ts";

/** Kills of one operation; where it is about rows alone, more of them among its calls on the state DB. */
const KILLS = { ofThreads: { smokeMax: 1, rowsMax: 12 }, ofRows: { smokeMax: 1, rowsMax: 50 } } as const;

/** Of an operation's calls, those that each run makes: threads and SQLite's checkpoints make the end of a fill uneven. */
const SURE_SHARE = 0.7;

interface Kill {
  readonly path: string;
  readonly at: number;
  readonly isHalf: boolean;
}

async function killEverywhere(context: FaultContext, operation: FaultOperation): Promise<void> {
  const { books } = context;
  const { facts, calls, hit } = await context.session.stage(operation, context);
  // In front of each call, and behind the last one.
  const kills: Kill[] = [...calls.keys(), calls.length].map((index) => {
    return { path: calls[index]?.path ?? "", at: index + 1, isHalf: false };
  });
  for (const { number, kind, bytes, path } of calls) {
    if (kind === "w" && bytes > 1 && !/-(wal|shm)$/.test(path)) kills.push({ path, at: number, isHalf: true });
  }
  // Where one is drawn it has to hit: the last calls are not made in each run, and behind them nothing is killed.
  const certain = context.isSmoke ? kills.filter(({ at }) => at <= calls.length * SURE_SHARE) : kills;
  const drawn = drawCalls(context, certain, operation.threadId === null ? KILLS.ofRows : KILLS.ofThreads);
  await runCases(context, drawn, async ({ at, isHalf }, lane) => {
    const place = `killed ${isHalf ? "in the middle of" : "before"} ${placeOf(operation, at, calls[at - 1])}`;
    const { home, end } = await hit(lane, { at, does: "kill", isHalf });
    if (end.signal === "SIGKILL") books.inject();
    else books.expect(end.exitCode === 0, `${place}: the child ended by itself: ${end.stderr}`);
    for (const { error } of end.reports) {
      if (error !== null) books.break(`${place}: on a good disk: ${error.message}`);
    }
    const isAcknowledged = end.reports.some(({ what, error }) => what === "done" && error === null);
    books.code(isAcknowledged ? "acknowledged" : "killed");
    await judgeHome({ home, facts, isAcknowledged, place, books });
  });
}

/** A row for each operation. */
export const KILL_ROWS: readonly FaultRow[] = OPERATIONS.map((operation) => ({
  id: `fault.kill.${operation.id}`,
  what: `SIGKILL in ${operation.title}`,
  how: "before each call that changes the home, and half-way through each write; of the calls on the state DB some are drawn",
  needs: ["shim"],
  run: (context) => killEverywhere(context, operation),
}));
