/**
 * `skein delete`: remove a thread's log for good. It asks for the whole id and for `--yes`, because
 * nothing brings it back.
 */
import { canonicalThreadId, rejection } from "../../base/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { titleOf } from "../format/thread-table.ts";
import { withHomeToChange } from "../open-home.ts";
import { toJsonLine } from "../output.ts";

interface DeleteOptions {
  readonly id: string;
  readonly yes?: boolean;
}

/** Removes the thread; its forks keep their own copy. */
export async function runDelete(context: CliContext, options: DeleteOptions): Promise<ExitCode> {
  const threadId = canonicalThreadId(options.id);
  if (threadId === undefined) {
    throw rejection("invalid_thread_id", `to delete, give the whole id; "${options.id}" is none`, {
      id: options.id,
      nextStep: "`skein list` shows the ids",
    });
  }
  return withHomeToChange(context, async (store) => {
    const stored = await store.readThread({ threadId });
    if (options.yes !== true) {
      const what = `${threadId} (${titleOf(stored).slice(0, 60)})`;
      throw rejection("invalid_argument", `this removes ${what} for good; add --yes to do it`, { threadId });
    }
    await store.deleteThread(threadId);
    if (context.json) await context.out.write(`${toJsonLine({})}\n`);
    await note(context, `deleted ${threadId}`);
    return EXIT.ok;
  });
}
