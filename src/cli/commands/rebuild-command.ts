/**
 * `skein rebuild`: folds all rows of the state DB again beside the old ones and swaps them. Other processes go
 * on meanwhile and never see half of it.
 */
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { requireHome } from "../open-home.ts";
import { withFilling } from "../open-state-db.ts";
import { toJsonLine } from "../output.ts";

interface RebuildCommandOptions {
  readonly keepOld?: boolean;
  readonly wait?: number;
}

/** Rebuilds; ends with 1 when a file could not be folded. */
export async function runRebuild(context: CliContext, options: RebuildCommandOptions): Promise<ExitCode> {
  await requireHome(context);
  const { rebuildStateDb } = await import("../../runtime/index.ts");
  const { keepOld = false, wait } = options;
  const report = await withFilling(context, "rebuild", (filling) =>
    rebuildStateDb({ ...filling, keepsOld: keepOld, ...(wait === undefined ? {} : { waitMaxMs: wait * 1_000 }) }),
  );
  const { filesTotal, folded, quarantined, generation, replaced } = report;
  if (context.json) await context.out.write(`${toJsonLine(report)}\n`);
  else {
    await context.out.write(
      `${filesTotal} files, ${folded} folded, ${quarantined} in quarantine; rows are set ${generation} now\n`,
    );
    if (replaced !== null) {
      const fate = replaced.isKept ? "kept beside them" : "dropped";
      await context.out.write(`the rows before (set ${replaced.generation}) were ${fate}\n`);
    }
  }
  if (quarantined > 0) await note(context, "`skein doctor` says what could not be read, and why");
  return quarantined > 0 ? EXIT.failed : EXIT.ok;
}
