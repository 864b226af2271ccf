/**
 * Makes the forks of a thread stand alone before it is deleted: each gets the lines that it refers to. A fork goes on
 * being written and read meanwhile. Its copies lie where nothing of its own ever does, in small steps that each are
 * committed; while it refers to its source nobody looks at them, so a step that never comes harms nothing, and doing
 * one again neither. When all are there the fork's row says in one short transaction that they are its own.
 *
 * What a source's source loses in between is missing in the copies: that is seen by their count, and looked for anew.
 */
import { LogReader, segmentsOf } from "./log-reader.ts";
import type { PostgresContext } from "./postgres-context.ts";
import type { Queryable } from "./postgres-database.ts";
import type { Statements } from "./statements.ts";

/** A fork, and how many lines it has of its source. */
interface Fork {
  readonly [column: string]: unknown;
  readonly thread_id: string;
  readonly reference_end: number;
}

/** Looks for forks; those that are made behind the last one are copied by the deletion itself. */
const LOOKS_MAX = 4;
/** Lines and bytes of one step: some tens of milliseconds. */
const STEP_LINES_MAX = 1_000;
const STEP_BYTES_MAX = 2 * 1024 * 1024;

/** Gives the forks of a thread lines of their own. What it couldn't do is left to the deletion. */
export async function settleForks({ database, statements }: PostgresContext, threadId: string): Promise<void> {
  for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
    const forks = await database.query<Fork>(statements.forks, [threadId]);
    if (forks.length === 0) return;
    for (const fork of forks) {
      await copyTo(database, { statements, threadId, fork });
      // Done twice it is as good as once.
      await database.retrying(() => database.transaction((tx) => standAlone(tx, { statements, threadId, fork })));
    }
  }
}

/** Makes a fork stand alone, unless lines that it needs are missing, or it is another one by now. */
async function standAlone(tx: Queryable, { statements, threadId, fork }: Settling): Promise<void> {
  const { thread_id: forkId, reference_end: end } = fork;
  const [held] = await tx.query<Fork>(statements.lockFork, [forkId, threadId, end]);
  const [copied] = held === undefined ? [] : await tx.query<{ lines: number }>(statements.copied, [forkId, end]);
  if (copied?.lines === end) await tx.query(statements.standAlone, [forkId]);
}

interface Settling {
  readonly statements: Statements;
  /** The source. */
  readonly threadId: string;
  readonly fork: Fork;
}

async function copyTo(source: Queryable, { statements, threadId, fork }: Settling): Promise<void> {
  const { thread_id: forkId, reference_end: end } = fork;
  const chain = await new LogReader(source, statements).chain(threadId);
  for (const segment of segmentsOf(chain, 0, end)) {
    for (let at = segment.from; at < segment.end;) {
      const [step] = await source.query<{ next: number | null }>(statements.copyStep, [
        forkId,
        segment.threadId,
        at,
        segment.end,
        segment.shift + 1,
        threadId,
        end,
        STEP_LINES_MAX,
        STEP_BYTES_MAX,
      ]);
      // The fork is another one by now, or the lines are elsewhere.
      if (typeof step?.next !== "number") return;
      at = step.next;
    }
  }
}
