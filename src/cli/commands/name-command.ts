/**
 * `skein name`: give a thread a name, or take it away. The name is kept in the session index, where
 * Codex finds it too.
 */
import { rejection } from "../../base/index.ts";
import { toThread } from "../../store/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { withHomeToChange } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import { resolveThreadId } from "../resolve-thread-id.ts";

interface NameOptions {
  readonly id: string;
  readonly name?: string;
  readonly clear?: boolean;
}

/** Sets or clears the name. */
export async function runName(context: CliContext, options: NameOptions): Promise<ExitCode> {
  const { name, clear = false } = options;
  if ((name === undefined) !== clear) {
    throw rejection("invalid_argument", "give the name, or --clear to take it away: one of the two");
  }
  return withHomeToChange(context, async (store) => {
    const threadId = await resolveThreadId(context, store, options.id);
    const stored = await store.updateThreadMetadata({ threadId, patch: { name: name ?? null } });
    if (context.json) await context.out.write(`${toJsonLine({ thread: toThread(stored) })}\n`);
    await note(
      context,
      stored.name === null ? `${threadId} has no name now` : `${threadId} is "${toPlainLine(stored.name)}" now`,
    );
    return EXIT.ok;
  });
}
