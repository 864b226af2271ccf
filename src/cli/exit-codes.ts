/**
 * How the `skein` command ends. Every error code has one exit code, said here and nowhere else, so
 * that a script can branch on the number and a person can look it up in `skein --help`.
 */
import type { ErrorCode } from "../base/index.ts";

/** The exit codes of the command, by what they mean. */
export const EXIT = Object.freeze({
  ok: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  io: 5,
  interrupted: 130,
});

/** One of EXIT's numbers. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What each exit code means, in the order `--help` prints them. */
export const EXIT_MEANINGS: readonly (readonly [ExitCode, string])[] = Object.freeze([
  [EXIT.ok, "done (also when the reader of a pipe left early, or serve was told to stop)"],
  [EXIT.failed, "a turn failed, verify, check-store or the demo found something, or a thread could not be moved"],
  [EXIT.usage, "the command line or its input can't be used as it is"],
  [EXIT.notFound, "no such thread or turn"],
  [EXIT.conflict, "the thread is in another state, or another process owns it"],
  [EXIT.io, "the disk, the home or a file failed, or a place to listen at is taken"],
  [EXIT.interrupted, "ended by Ctrl-C"],
]);

const EXIT_OF_CODE: Readonly<Record<ErrorCode, ExitCode>> = {
  invalid_argument: EXIT.usage,
  invalid_thread_id: EXIT.usage,
  invalid_cursor: EXIT.usage,
  empty_input: EXIT.usage,
  unsupported: EXIT.usage,
  state_db_required: EXIT.usage,
  thread_not_found: EXIT.notFound,
  thread_not_loaded: EXIT.notFound,
  turn_not_found: EXIT.notFound,
  thread_exists: EXIT.conflict,
  thread_archived: EXIT.conflict,
  thread_not_archived: EXIT.conflict,
  thread_closed: EXIT.conflict,
  thread_not_materialized: EXIT.conflict,
  turn_running: EXIT.conflict,
  no_turn_running: EXIT.conflict,
  turn_mismatch: EXIT.conflict,
  turn_not_steerable: EXIT.conflict,
  request_refused: EXIT.conflict,
  mailbox_full: EXIT.conflict,
  too_many_threads: EXIT.conflict,
  ordinal_conflict: EXIT.conflict,
  writer_fenced: EXIT.conflict,
  writer_closed: EXIT.conflict,
  thread_owned_elsewhere: EXIT.conflict,
  backfill_running: EXIT.conflict,
  lease_lost: EXIT.conflict,
  rollout_unreadable: EXIT.io,
  rollout_too_large: EXIT.io,
  digest_mismatch: EXIT.io,
  io_error: EXIT.io,
  disk_full: EXIT.io,
  permission_denied: EXIT.io,
  too_many_open_files: EXIT.io,
  home_unusable: EXIT.io,
  state_db_busy: EXIT.io,
  state_db_newer: EXIT.io,
  state_db_unusable: EXIT.io,
  checkpoint_unreadable: EXIT.io,
  store_not_durable: EXIT.io,
  store_newer: EXIT.io,
  store_unusable: EXIT.io,
  history_truncated: EXIT.io,
  agent_failed: EXIT.failed,
  aborted: EXIT.interrupted,
  timed_out: EXIT.failed,
  runtime_closed: EXIT.failed,
  thread_failed: EXIT.failed,
  connection_failed: EXIT.io,
  connection_lost: EXIT.io,
  request_failed: EXIT.failed,
  server_overloaded: EXIT.failed,
};

/** The exit code of an error code; one that is not known counts as failed. */
export function exitCodeOf(code: string): ExitCode {
  const known: Readonly<Record<string, ExitCode | undefined>> = EXIT_OF_CODE;
  return known[code] ?? EXIT.failed;
}
