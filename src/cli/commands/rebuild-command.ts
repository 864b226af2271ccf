/**
 * `skein rebuild`: folds all rows of the state DB again beside the old ones and swaps them. Other processes go
 * on meanwhile and never see half of it.
 */
import { fault } from "../../base/index.ts";
import type { RebuildReport, StateDbReport } from "../../projections/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { counted } from "../format/counted-word.ts";
import { formatBytes } from "../format/byte-count.ts";
import { formatDuration } from "../format/local-time.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { requireHome } from "../open-home.ts";
import { mayHoldThreads, noteSetAside, withFilling } from "../open-state-db.ts";
import { toJsonLine } from "../output.ts";

interface RebuildCommandOptions {
  readonly keepOld?: boolean;
}

/** What the command has to tell. */
interface RebuildAnswer extends RebuildReport {
  readonly bytes: number;
  readonly durationMs: number;
  readonly quarantine: StateDbReport["quarantined"];
}

/** Rebuilds; ends with 1 when a file could not be folded. */
export async function runRebuild(context: CliContext, options: RebuildCommandOptions): Promise<ExitCode> {
  await requireHome(context);
  if (!context.usesStateDb) throw fault("state_db_required", "this makes the state DB anew: leave out --no-db");
  if (!(await mayHoldThreads(context.home))) {
    await note(context, `no threads here (${context.home})`);
    return EXIT.ok;
  }
  const answer = await rebuild(context, options);
  await noteSetAside(context, answer.setAside);
  if (context.json) await context.out.write(`${toJsonLine(answer)}\n`);
  else for (const line of linesOf(answer)) await context.out.write(`${toPlainLine(line)}\n`);
  return answer.quarantined > 0 ? EXIT.failed : EXIT.ok;
}

async function rebuild(context: CliContext, { keepOld = false }: RebuildCommandOptions): Promise<RebuildAnswer> {
  const { rebuildStateDb, readStateDbReport } = await import("../../runtime/index.ts");
  const beginMs = context.clock.monotonicMs();
  let bytes = 0;
  const report = await withFilling(context, "rebuild", ({ onProgress, ...filling }) =>
    rebuildStateDb({
      ...filling,
      keepsOld: keepOld,
      onProgress: (told) => {
        bytes = Math.max(bytes, told.bytesDone);
        onProgress?.(told);
      },
    }),
  );
  const quarantine = report.quarantined > 0 ? (await readStateDbReport(context.home)).quarantined : [];
  return { ...report, bytes, durationMs: Math.round(context.clock.monotonicMs() - beginMs), quarantine };
}

function linesOf(answer: RebuildAnswer): readonly string[] {
  const { filesTotal, folded, quarantined, generation, replaced, bytes, durationMs, quarantine } = answer;
  const work = `${formatBytes(bytes)} in ${formatDuration(durationMs)}`;
  const lines = [
    `${counted(filesTotal, "file")}, ${folded} folded, ${quarantined} in quarantine, ${work}; rows are set ${generation} now`,
  ];
  if (replaced !== null) {
    const fate = replaced.isKept ? "kept beside them until the next rebuild" : "dropped";
    lines.push(`the rows before (set ${replaced.generation}, projection ${replaced.version}) were ${fate}`);
  }
  for (const { path, code, reason } of quarantine) lines.push(`in quarantine: ${path}: ${reason} [${code}]`);
  return lines;
}
