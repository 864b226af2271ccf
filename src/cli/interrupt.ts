/**
 * Ctrl-C for work that can end cleanly: the first one asks it to, and the command ends with `aborted` when it
 * has; a second one ends the process at once, as if nobody listened.
 */
import { fault } from "../base/index.ts";
import type { CliContext } from "./cli-context.ts";

/** Runs work with a signal that Ctrl-C aborts. `next` says what becomes of what was done: "the next run goes on from here". */
export async function interruptible<Result>(
  context: CliContext,
  next: string,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const ended = new AbortController();
  const reason = fault("aborted", `ended by Ctrl-C; ${next}`);
  const release = context.onInterrupt(() => {
    release();
    ended.abort(reason);
  });
  try {
    return await work(ended.signal);
  } catch (error) {
    // Whatever the work says when it is ended: this is why.
    throw ended.signal.aborted ? reason : error;
  } finally {
    release();
  }
}
