/**
 * `skein fork`: a new thread that begins with a copy of another's turns. Prints the new thread's id, so
 * that a script can go on with it.
 */
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { counted } from "../format/counted-word.ts";
import { withRuntime } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import { chooseThread, resolveTurnId, type ThreadChoice } from "../resolve-thread-id.ts";

interface ForkOptions extends ThreadChoice {
  readonly before?: string;
}

/** Forks the whole thread, or what comes before a turn. */
export async function runFork(context: CliContext, options: ForkOptions): Promise<ExitCode> {
  return withRuntime(context, {}, async (runtime) => {
    const { store } = runtime;
    const sourceId = await chooseThread(context, store, options);
    const beforeTurnId =
      options.before === undefined ? undefined : await resolveTurnId(store, sourceId, options.before);
    const fork = await runtime.forkThread(sourceId, beforeTurnId === undefined ? {} : { beforeTurnId });
    const { thread } = fork.snapshot();
    await context.out.write(context.json ? `${toJsonLine({ thread })}\n` : `${thread.id}\n`);
    await note(
      context,
      `forked from ${sourceId} with ${counted(thread.turns.length, "turn")}; go on with: skein chat ${thread.id}`,
    );
    return EXIT.ok;
  });
}
