/**
 * Brings the names in the rows up to the session index. The file is small and only ever appended to, but by
 * any process; it is read when it is another one than at the last time.
 */
import { type FileSystem, type HomePaths } from "../store/local/index.ts";
import type { Tables } from "./tables.ts";

/** What it needs. */
export interface NameSyncContext {
  readonly files: FileSystem;
  readonly paths: HomePaths;
  /** What the index says of each thread. */
  names(): Promise<ReadonlyMap<string, string | null>>;
  tables(): Tables;
  /** Reads as of one moment: a set that is current at its beginning is there until its end. */
  read<Value>(work: () => Value): Value;
  write<Value>(work: () => Value): Promise<Value>;
}

/** Reads the index, if it changed, and sets the names. */
export async function syncNames(context: NameSyncContext): Promise<void> {
  const stat = await context.files.stat(context.paths.index);
  const file = stat === undefined ? "none" : `${stat.inode}:${stat.size}:${stat.modifiedNs}`;
  const known = context.read(() =>
    context.tables().sql.get<{ file: string }>("SELECT names_file AS file FROM index_state_#"),
  )?.file;
  if (known === file) return;
  const names = await context.names();
  await context.write(() => {
    const { sql, threads } = context.tables();
    for (const threadId of [...threads.setNames(names), ...threads.keepNames(names)]) threads.refresh(threadId);
    sql.run("UPDATE index_state_# SET names_file = ?", file);
  });
}
