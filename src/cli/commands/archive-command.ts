/**
 * `skein archive` and `skein unarchive`: put a thread away, and bring it back to where it was. Nothing of
 * the thread changes but the folder it lies in.
 */
import { toThread } from "../../store/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { withHomeToChange } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import { resolveThreadId } from "../resolve-thread-id.ts";

interface ArchiveOptions {
  readonly id: string;
}

/** Puts the thread away. */
export async function runArchive(context: CliContext, options: ArchiveOptions): Promise<ExitCode> {
  return withHomeToChange(context, async (store) => {
    const threadId = await resolveThreadId(context, store, options.id);
    await store.archiveThread(threadId);
    if (context.json) {
      const thread = toThread(await store.readThread({ threadId }));
      await context.out.write(`${toJsonLine({ thread })}\n`);
    }
    await note(context, `archived ${threadId}`);
    return EXIT.ok;
  });
}

/** Brings the thread back. */
export async function runUnarchive(context: CliContext, options: ArchiveOptions): Promise<ExitCode> {
  return withHomeToChange(context, async (store) => {
    const threadId = await resolveThreadId(context, store, options.id);
    const stored = await store.unarchiveThread(threadId);
    if (context.json) await context.out.write(`${toJsonLine({ thread: toThread(stored) })}\n`);
    await note(context, `brought ${threadId} back`);
    return EXIT.ok;
  });
}
