/**
 * `skein verify --projections`: whether the state DB's rows are what the logs give. Every log is folded again,
 * and each thread's two digests are compared; what differs is said with both.
 */
import type { ProjectionOutcome, ProjectionVerdict } from "../../projections/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { toJsonLine } from "../output.ts";

/** Outcomes that say that rows are right, or can't know better yet. */
const FINE: ReadonlySet<ProjectionOutcome> = new Set(["same", "behind"]);

/** Verifies; ends with 1 when rows are not the fold of their log, or a file has none. */
export async function verifyRows(context: CliContext): Promise<ExitCode> {
  const { verifyProjections } = await import("../../runtime/index.ts");
  const { home, clock, logger } = context;
  const verdicts = await withProgress(context, "verify", async (progress) => {
    const found: ProjectionVerdict[] = [];
    const onProgress = (told: {
      readonly filesDone: number;
      readonly filesTotal: number;
      readonly bytesDone: number;
      readonly bytesTotal: number;
    }): void => {
      const { filesDone: done, filesTotal: total, bytesDone, bytesTotal } = told;
      progress.tell({ unit: "files", done, total, bytesDone, bytesTotal });
    };
    for await (const verdict of verifyProjections({ home, clock, logger, onProgress })) found.push(verdict);
    return found;
  });
  const odd = verdicts.filter(({ outcome }) => !FINE.has(outcome));
  if (context.json) await context.out.write(`${toJsonLine({ isClean: odd.length === 0, verdicts })}\n`);
  else for (const verdict of verdicts) if (verdict.outcome !== "same") await context.out.write(`${lineOf(verdict)}\n`);
  const same = verdicts.filter(({ outcome }) => outcome === "same").length;
  await note(context, `${same} threads are the fold of their logs, ${odd.length} findings`);
  return odd.length === 0 ? EXIT.ok : EXIT.failed;
}

function lineOf({ outcome, threadId, path, message, fromLog, fromRows, tables }: ProjectionVerdict): string {
  const digests =
    fromLog === null || fromRows === null ? [] : [`log ${fromLog.slice(0, 12)}, rows ${fromRows.slice(0, 12)}`];
  const where = [threadId, path, tables.join(", ")].filter((word) => word !== null && word !== "");
  return toPlainLine([outcome, ...where, message, ...digests].join("  "));
}
