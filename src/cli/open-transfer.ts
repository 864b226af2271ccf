/**
 * How `export` and `import` get at whole threads: those of the home, and those of the folder they are carried in. A
 * folder that can't be meant is refused before anything is written.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { fault, rejection, systemCode } from "../base/index.ts";
import type { LogTransfer } from "../store/index.ts";
import type { CliContext } from "./cli-context.ts";
import { makeExportFolder, makeHome } from "./make-home.ts";
import { requireHome } from "./open-home.ts";
import { isDatabase } from "./open-store.ts";

/** What a command works on. */
export interface TransferUse {
  /** The command may be the first one on its home. */
  readonly isMade: boolean;
}

/** Opens the home, or the database that is named in its place, does the work, closes it. */
export async function withTransfer<Result>(
  context: CliContext,
  { isMade }: TransferUse,
  work: (transfer: LogTransfer) => Promise<Result>,
): Promise<Result> {
  const { home, store, clock, logger } = context;
  if (store !== undefined) return withDatabase(context, store, work);
  if (isMade) await makeHome(home);
  else await requireHome(context);
  const { openLocalLogTransfer } = await import("../store/local/index.ts");
  return work(await openLocalLogTransfer({ home, clock, logger }));
}

async function withDatabase<Result>(
  { logger }: CliContext,
  store: string,
  work: (transfer: LogTransfer) => Promise<Result>,
): Promise<Result> {
  if (!isDatabase(store)) {
    const message =
      "threads are moved between homes, folders and PostgreSQL; for another store do it where that one is kept";
    throw rejection("unsupported", message);
  }
  const { openPostgresLogTransfer } = await import("../store/postgres/index.ts");
  const transfer = await openPostgresLogTransfer({ url: store, logger });
  try {
    return await work(transfer);
  } finally {
    await transfer.close();
  }
}

/** Opens the folder that threads are exported to. One that holds threads of its own is refused: others may write there. */
export async function openExportFolder(context: CliContext, folder: string, isExported: boolean): Promise<LogTransfer> {
  refuseHome(context, folder);
  if (!isExported && (await holdsThreads(folder))) {
    const message = `${folder} holds threads, and was not made by an export; name another folder, or take threads into it with \`skein import\``;
    throw rejection("invalid_argument", message, { folder });
  }
  await makeExportFolder(folder);
  const { openLocalLogTransfer } = await import("../store/local/index.ts");
  const { clock, logger } = context;
  return openLocalLogTransfer({ home: folder, isExport: true, clock, logger });
}

/** Opens the folder that threads are imported from: an exported one, or any home. */
export async function openImportFolder(context: CliContext, folder: string): Promise<LogTransfer> {
  refuseHome(context, folder);
  if (!(await isFolder(folder))) {
    const nextStep = "name one that `skein export` wrote, or another home";
    throw fault("home_unusable", `there is no folder ${folder}`, { data: { folder, nextStep } });
  }
  const { openLocalLogTransfer } = await import("../store/local/index.ts");
  const { clock, logger } = context;
  return openLocalLogTransfer({ home: folder, clock, logger });
}

function refuseHome({ home, store }: CliContext, folder: string): void {
  if (folder !== home || store !== undefined) return;
  throw rejection("invalid_argument", `${folder} is the home itself; name another folder`, { folder });
}

async function holdsThreads(folder: string): Promise<boolean> {
  return (await isFolder(join(folder, "sessions"))) || isFolder(join(folder, "archived_sessions"));
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
