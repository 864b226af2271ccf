/**
 * `skein rollback` and `skein revert`: drop turns from the end of a thread, by number or by the turn to
 * go back before. The log only grows: what is dropped stays in the file.
 */
import { rejection } from "../../base/index.ts";
import type { ThreadSnapshot } from "../../actors/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { withRuntime } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import { resolveThreadId, resolveTurnId } from "../resolve-thread-id.ts";

interface RollbackOptions {
  readonly id: string;
  readonly turns?: number;
  readonly before?: string;
}

/** Drops turns and says how many are left; `--json` prints the thread with them. */
export async function runRollback(context: CliContext, options: RollbackOptions): Promise<ExitCode> {
  const { turns, before } = options;
  if ((turns === undefined) === (before === undefined)) {
    throw rejection("invalid_argument", "say how many turns, or --before a turn: one of the two");
  }
  if (turns === 0) throw rejection("invalid_argument", "say how many turns to drop: 1 or more", { turns });
  return withRuntime(context, {}, async (runtime) => {
    const threadId = await resolveThreadId(context, runtime.store, options.id);
    const beforeTurnId = before === undefined ? undefined : await resolveTurnId(runtime.store, threadId, before);
    const thread = await runtime.resumeThread(threadId);
    const had = thread.snapshot().thread.turns.length;
    let snapshot: ThreadSnapshot;
    if (beforeTurnId !== undefined) snapshot = await thread.revert(beforeTurnId);
    else snapshot = await thread.rollback(turns ?? 0);
    const left = snapshot.thread.turns.length;
    if (context.json) await context.out.write(`${toJsonLine({ thread: snapshot.thread })}\n`);
    await note(context, `dropped ${had - left} of ${had} turns of ${threadId}; ${left} left`);
    return EXIT.ok;
  });
}
