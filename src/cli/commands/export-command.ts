/**
 * `skein export DIR`: writes threads into a folder that is laid out as a home, so that Skein and Codex can read it as
 * it is, with a manifest that says what was written. The same command goes on after whatever ended it, and takes over
 * what the threads have got since.
 */
import { resolve } from "node:path";

import type { CopiedThread } from "../../store/index.ts";
import type { CliContext } from "../cli-context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { openExportFolder, withTransfer } from "../open-transfer.ts";
import { type MoveChoice, moveThreads } from "./move-threads.ts";

interface ExportOptions extends MoveChoice {
  readonly dir: string;
}

/** Exports; ends with 4 where another thread was in the way, with 1 where one could not be read. */
export async function runExport(context: CliContext, { dir, ...choice }: ExportOptions): Promise<ExitCode> {
  const folder = resolve(context.cwd, dir);
  return withTransfer(context, { isMade: false }, async (from) => {
    const { openExportManifest } = await import("../../store/local/index.ts");
    const manifest = await openExportManifest(folder);
    const to = await openExportFolder(context, folder, manifest.isThere);
    await manifest.sync();
    const onPlaced = async ({ threadId, thread, digest, outcome }: CopiedThread): Promise<void> => {
      // What is ahead there is not what is here: what the folder holds of it was written down when it was exported.
      if (digest === null || thread === null || outcome === "ahead") return;
      await manifest.note({ threadId, ...digest, name: thread.name ?? null, archived: thread.archived });
    };
    try {
      return await moveThreads(context, { label: "export", from, to, choice, replaces: true, onPlaced });
    } finally {
      await manifest.sync();
    }
  });
}
