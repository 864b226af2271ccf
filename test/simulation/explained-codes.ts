/**
 * Which errors a simulated run may give: those of the threads' own life always, those of the world only where
 * something was injected that explains them.
 */

/** What happened so far. */
export interface Happened {
  /** Faults and steps, by their names. */
  readonly happened: Readonly<Record<string, number>>;
  /** The process that gave the error is ending. */
  readonly isClosing: boolean;
}

/** What may happen to who asks for the right thing at the wrong time, or of the wrong process. */
const ALWAYS: ReadonlySet<string> = new Set([
  "thread_not_found",
  "thread_not_loaded",
  "thread_archived",
  "thread_not_archived",
  "thread_closed",
  "thread_not_materialized",
  "turn_not_found",
  "turn_running",
  "no_turn_running",
  "turn_mismatch",
  "turn_not_steerable",
  "thread_owned_elsewhere",
  "mailbox_full",
  // Of a file that another process is just making, or that a crash left without its first record.
  "rollout_unreadable",
]);

/** What explains a code; any of it is enough. */
const EXPLAINED_BY: Readonly<Record<string, readonly string[]>> = Object.freeze({
  disk_full: ["noSpace"],
  io_error: ["readError", "writeError", "nameError", "syncError"],
  too_many_open_files: ["noDescriptors"],
  writer_closed: ["syncError", "writeError", "noSpace", "nameError"],
  thread_failed: ["noSpace", "readError", "writeError", "nameError", "syncError", "noDescriptors", "stop"],
  writer_fenced: ["stop"],
  // While rows are folded anew, the file is locked for the last of them.
  state_db_busy: ["rebuild", "oldStateDb"],
  backfill_running: ["rebuild", "oldStateDb"],
  lease_lost: ["stop"],
});

/** Whether such an error may come now. */
export function explainsCode(code: string, { happened, isClosing }: Happened): boolean {
  if (ALWAYS.has(code)) return true;
  if (code === "runtime_closed") return isClosing;
  return (EXPLAINED_BY[code] ?? []).some((what) => (happened[what] ?? 0) > 0);
}
