/**
 * Looks at every file of a home and says which ones the rows are behind: one stat a file, nothing is read.
 * Runs in a worker, as 20,000 stats take a third of a second.
 */
import {
  type FileStat,
  type FileSystem,
  type HomePaths,
  mapBounded,
  type RolloutEntry,
  walkHome,
} from "../store/local/index.ts";
import { pathInHome } from "./file-fold.ts";
import type { FileRow, QuarantinedFile } from "./rollout-store.ts";

/** A file that the rows are behind. */
export interface ChangedFile extends RolloutEntry {
  readonly size: number;
  /** It is in quarantine and as it was: it is tried again only because its failure may have passed. */
  readonly isRetry: boolean;
}

/** A row whose file has another path now. */
export interface MovedFile {
  readonly id: number;
  readonly threadId: string | null;
  readonly entry: RolloutEntry;
}

/** What a look at the home found. */
export interface HomeSurvey {
  readonly filesTotal: number;
  readonly changed: readonly ChangedFile[];
  /** Same file, other path. */
  readonly moved: readonly MovedFile[];
  /** Rows whose files are nowhere in the home. */
  readonly gone: readonly FileRow[];
  /** Files in quarantine that are not there any more, by their paths in the home. */
  readonly gonePoison: readonly string[];
}

/** What the rows say. */
export interface SurveyedRows {
  readonly files: readonly FileRow[];
  readonly quarantined: readonly (Pick<QuarantinedFile, "inode" | "size" | "modifiedNs" | "code"> & {
    readonly path: string;
  })[];
}

const STATS_AT_ONCE = 16;
/** What keeps a file from being read and is not in the file: it may be over without anything to see of it. */
const PASSING_CODES: ReadonlySet<string> = new Set(["io_error", "permission_denied", "too_many_open_files"]);

/** Compares all of a home's files and rows. */
export async function surveyHome(files: FileSystem, paths: HomePaths, rows: SurveyedRows): Promise<HomeSurvey> {
  const entries = await walkHome(files, paths);
  return { ...(await compareFiles({ files, paths, rows }, entries)), gonePoison: poisonWithout(rows, paths, entries) };
}

/** Compares the files at these paths with their rows; what else there is has not changed. */
export async function surveyPaths(
  context: { readonly files: FileSystem; readonly paths: HomePaths; readonly rows: SurveyedRows },
  changed: readonly string[],
): Promise<HomeSurvey> {
  const { files, paths } = context;
  const folders = new Map<string, readonly string[]>();
  const entries: RolloutEntry[] = [];
  for (const path of changed) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const name = path.slice(folder.length + 1);
    if (!name.endsWith(".jsonl")) continue;
    // As a walk would see it: a link is no rollout.
    const names = folders.get(folder) ?? (await fileNames(files, folder));
    folders.set(folder, names);
    if (names.includes(name)) entries.push({ path, name, archived: path.startsWith(`${paths.archived}/`) });
  }
  const looked = new Set(changed.map((path) => pathInHome(paths, path)));
  const gonePoison = poisonWithout(context.rows, paths, entries).filter((path) => looked.has(path));
  return { ...(await compareFiles(context, entries)), gonePoison };
}

/** Files in quarantine that are not among these. */
function poisonWithout(
  { quarantined }: SurveyedRows,
  paths: HomePaths,
  entries: readonly RolloutEntry[],
): readonly string[] {
  if (quarantined.length === 0) return [];
  const there = new Set(entries.map(({ path }) => pathInHome(paths, path)));
  return quarantined.map(({ path }) => path).filter((path) => !there.has(path));
}

async function fileNames(files: FileSystem, folder: string): Promise<readonly string[]> {
  if ((await files.stat(folder))?.kind !== "directory") return [];
  return (await files.readDirectory(folder)).filter(({ kind }) => kind === "file").map(({ name }) => name);
}

/** The files in quarantine that are looked at again although nothing about them changed, by their paths in the home. */
export function passingQuarantines({ quarantined }: Pick<SurveyedRows, "quarantined">): readonly string[] {
  return quarantined.filter(({ code }) => PASSING_CODES.has(code)).map(({ path }) => path);
}

/** Files in quarantine count as seen as long as they are as they were, unless it was not they that failed. */
async function compareFiles(
  context: { readonly files: FileSystem; readonly paths: HomePaths; readonly rows: SurveyedRows },
  entries: readonly RolloutEntry[],
): Promise<Omit<HomeSurvey, "gonePoison">> {
  const { files, paths, rows } = context;
  const byPath = new Map(rows.files.map((row) => [row.path, row]));
  const byInode = new Map(rows.files.map((row) => [row.inode, row]));
  const poisoned = new Map(rows.quarantined.map((row) => [row.path, row]));
  const seen = new Set<number>();
  const changed: ChangedFile[] = [];
  const moved: MovedFile[] = [];
  const unknown: { readonly entry: RolloutEntry; readonly stat: FileStat; readonly isRetry: boolean }[] = [];
  await mapBounded(entries, STATS_AT_ONCE, async (entry) => {
    const stat = await files.stat(entry.path);
    if (stat === undefined) return;
    const path = pathInHome(paths, entry.path);
    const poison = poisoned.get(path);
    const row = byPath.get(path);
    if (row !== undefined) seen.add(row.id);
    const isRetry = poison !== undefined && isAsKnown(poison, stat);
    if (isRetry && !PASSING_CODES.has(poison.code)) return;
    if (row === undefined) unknown.push({ entry, stat, isRetry });
    else if (poison !== undefined || !isAsKnown(row, stat)) changed.push({ ...entry, size: stat.size, isRetry });
  });
  for (const { entry, stat, isRetry } of unknown) {
    const row = byInode.get(stat.inode);
    if (row !== undefined && !seen.has(row.id) && isAsKnown(row, stat)) {
      seen.add(row.id);
      moved.push({ id: row.id, threadId: row.threadId, entry });
    } else changed.push({ ...entry, size: stat.size, isRetry });
  }
  return {
    filesTotal: entries.length,
    changed: changed.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
    moved,
    gone: rows.files.filter((row) => !seen.has(row.id)),
  };
}

/** Whether a file is, by its stat, as it was when its row was written. */
export function isAsKnown(row: Pick<FileRow, "inode" | "size" | "modifiedNs">, stat: FileStat): boolean {
  if (row.inode !== stat.inode || row.size !== stat.size) return false;
  return row.modifiedNs === null || row.modifiedNs === String(stat.modifiedNs);
}
