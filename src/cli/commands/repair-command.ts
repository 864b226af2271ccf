/**
 * `skein repair`: does to every thread what its next append would do first: cuts what a crash left behind
 * the last whole batch (kept aside) or ends the last line. With `--dry-run` it only says what it would do,
 * and ends with 1 when there is something.
 */
import type { RepairAction } from "../../store/local/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatBytes } from "../format/byte-count.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { requireHome } from "../open-home.ts";
import { toJsonLine } from "../output.ts";

interface RepairOptions {
  readonly dryRun?: boolean;
}

/** Repairs the home, or says how it would. */
export async function runRepair(context: CliContext, { dryRun = false }: RepairOptions): Promise<ExitCode> {
  await requireHome(context);
  const repairs = await repair(context, dryRun);
  if (context.json) await context.out.write(`${toJsonLine({ dryRun, repairs })}\n`);
  else for (const action of repairs) await context.out.write(`${actionLine(action, dryRun)}\n`);
  if (repairs.length === 0) await note(context, "nothing to repair");
  const isDone = repairs.every((action) => action.isDone);
  return isDone ? EXIT.ok : EXIT.failed;
}

async function repair(context: CliContext, dryRun: boolean): Promise<readonly RepairAction[]> {
  const { repairHome } = await import("../../store/local/index.ts");
  return await withProgress(context, "repair", async (progress) => {
    const actions: RepairAction[] = [];
    const { home, logger } = context;
    const steps = repairHome({
      home,
      logger,
      dryRun,
      onProgress: ({ filesDone, filesTotal }) => progress.tell({ unit: "files", done: filesDone, total: filesTotal }),
    });
    for await (const action of steps) actions.push(action);
    return actions;
  });
}

const WORDS: Readonly<Record<RepairAction["action"], (bytes: string) => string>> = {
  cut_tail: (bytes) => `cut ${bytes}`,
  add_newline: () => "end the last line",
  remove_fork: (bytes) => `remove an unfinished fork of ${bytes}`,
};

/** `cut 31 bytes  PATH:OFFSET  kept at …`. */
function actionLine(action: RepairAction, dryRun: boolean): string {
  const what = WORDS[action.action](formatBytes(action.bytes));
  const line = `${dryRun ? "would " : ""}${what}  ${toPlainLine(action.path)}:${action.offset}`;
  if (action.failure !== null) return `${line}  failed: ${toPlainLine(action.failure)}`;
  return action.keptAt === null ? line : `${line}  kept at ${toPlainLine(action.keptAt)}`;
}
