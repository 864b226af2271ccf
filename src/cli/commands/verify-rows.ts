/**
 * `skein verify --projections`: whether the state DB's rows are what the logs give. Every log is folded again,
 * and each thread's two digests are compared; what differs is said with both. The rows are brought up to the
 * files first; beyond that nothing is changed.
 */
import { fault, rejection } from "../../base/index.ts";
import type { ProjectionOutcome, ProjectionVerdict, VerifyProjectionsProgress } from "../../projections/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { counted } from "../format/counted-word.ts";
import { formatBytes } from "../format/byte-count.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { interruptible } from "../interrupt.ts";
import { mayHoldThreads } from "../open-state-db.ts";
import { type Output, type Style, toJsonLine } from "../output.ts";

/** Outcomes that say that rows are right, or can't know better yet. */
const FINE: ReadonlySet<ProjectionOutcome> = new Set(["same", "behind"]);

interface RowsReport {
  /** Nothing differs, is missing or is left over; what is only behind counts as right. */
  readonly isClean: boolean;
  readonly generation: number;
  readonly version: number;
  readonly files: number;
  readonly threads: number;
  readonly records: number;
  readonly bytes: number;
  readonly verdicts: readonly ProjectionVerdict[];
}

/** Verifies all threads or one; ends with 1 when rows are not the fold of their log, or a file has none. */
export async function verifyRows(context: CliContext, threadId: string | undefined): Promise<ExitCode> {
  if (!context.usesStateDb) throw fault("state_db_required", "this needs the state DB: leave out --no-db");
  if (!(await mayHoldThreads(context.home))) {
    await note(context, `no threads here (${context.home})`);
    return EXIT.ok;
  }
  const report = await readRows(context, threadId);
  const { isClean, verdicts } = report;
  if (threadId !== undefined && verdicts.length === 0) {
    throw rejection("thread_not_found", `thread not found: ${threadId}`, { threadId });
  }
  if (context.json) await context.out.write(`${toJsonLine(report)}\n`);
  else {
    // A thread that was asked for is shown also when all is well.
    const shown = verdicts.filter(({ outcome }) => outcome !== "same" || threadId !== undefined);
    for (const verdict of shown) await context.out.write(`${lineOf(verdict, context.out)}\n`);
  }
  await note(context, summaryOf(report));
  return isClean ? EXIT.ok : EXIT.failed;
}

async function readRows(context: CliContext, threadId: string | undefined): Promise<RowsReport> {
  const { verifyProjections } = await import("../../runtime/index.ts");
  const { home, clock, logger, waitMaxMs } = context;
  return interruptible(context, "no thread was changed", (signal) =>
    withProgress(context, "verify", async (progress) => {
      let done: VerifyProjectionsProgress | undefined;
      const onProgress = (told: VerifyProjectionsProgress): void => {
        done = told;
        const { filesDone, filesTotal, bytesDone, bytesTotal } = told;
        progress.tell({ unit: "files", done: filesDone, total: filesTotal, bytesDone, bytesTotal });
      };
      const verdicts: ProjectionVerdict[] = [];
      const own = { home, clock, logger, waitMaxMs, signal, onProgress };
      const options = threadId === undefined ? own : { ...own, threadId };
      for await (const verdict of verifyProjections(options)) verdicts.push(verdict);
      return {
        isClean: verdicts.every(({ outcome }) => FINE.has(outcome)),
        generation: done?.generation ?? 0,
        version: done?.version ?? 0,
        files: done?.filesDone ?? 0,
        threads: done?.threadsDone ?? 0,
        records: done?.recordsDone ?? 0,
        bytes: done?.bytesDone ?? 0,
        verdicts,
      };
    }),
  );
}

/** Digits of a digest that people compare. */
const DIGITS_SHOWN = 16;

function lineOf({ outcome, threadId, path, message, fromLog, fromRows }: ProjectionVerdict, out: Output): string {
  const style: Style = FINE.has(outcome) ? "dim" : "red";
  const shown = (digest: string): string => digest.slice(0, DIGITS_SHOWN);
  const digests = fromLog === null || fromRows === null ? [] : [`log ${shown(fromLog)}`, `rows ${shown(fromRows)}`];
  const where = [threadId ?? "-", path ?? "-"];
  const line = [...where, ...digests, message].map((word) => toPlainLine(word)).join("  ");
  return `${out.paint(style, outcome.padEnd("quarantined".length))}  ${line}`;
}

function summaryOf({ verdicts, threads, records, bytes, generation, version }: RowsReport): string {
  const read = `${counted(threads, "thread")}, ${counted(records, "record")}, ${formatBytes(bytes)} folded again beside set ${generation} (projection ${version})`;
  const counts = new Map<ProjectionOutcome, number>();
  for (const { outcome } of verdicts) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const odd = [...counts].filter(([outcome]) => outcome !== "same").map(([outcome, count]) => `${count} ${outcome}`);
  return odd.length === 0 ? `${read}: the rows are what the logs give` : `${read}: ${odd.join(", ")}`;
}
