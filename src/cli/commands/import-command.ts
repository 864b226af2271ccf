/**
 * `skein import DIR`: takes the threads of a folder into the home: of an exported one, each checked against what its
 * export wrote down, or of any home, Codex's too. A thread that is there stays as it is, whatever the folder says.
 */
import { resolve } from "node:path";

import type { CliContext } from "../cli-context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { openImportFolder, withTransfer } from "../open-transfer.ts";
import { type MoveChoice, moveThreads } from "./move-threads.ts";

interface ImportOptions extends MoveChoice {
  readonly dir: string;
}

/** Imports; ends with 4 where another thread was in the way, with 1 where one is not what was exported, or can't be read. */
export async function runImport(context: CliContext, { dir, ...choice }: ImportOptions): Promise<ExitCode> {
  const folder = resolve(context.cwd, dir);
  const from = await openImportFolder(context, folder);
  const { openExportManifest } = await import("../../store/local/index.ts");
  const { entries } = await openExportManifest(folder);
  return withTransfer(context, { isMade: true }, (to) =>
    moveThreads(context, {
      label: "import",
      from,
      to,
      choice,
      expected: (threadId) => entries.get(threadId),
      missing: (met) => (isWhole(choice) ? [...entries.keys()].filter((threadId) => !met.has(threadId)) : []),
    }),
  );
}

/** All of the folder's threads were asked for. */
function isWhole({ ids = [], archived = false, live = false }: MoveChoice): boolean {
  return ids.length === 0 && !archived && !live;
}
