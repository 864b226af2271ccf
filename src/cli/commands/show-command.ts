/**
 * `skein show`: a thread's turns to read, or as the protocol's `{thread}` with its turns and items. It
 * reads what is stored and loads no thread, so it never disturbs a process that runs one.
 */
import { LIMITS, rejection } from "../../base/index.ts";
import type { Turn } from "../../events/index.ts";
import { type ThreadStore, toThread } from "../../store/index.ts";
import { type CliContext, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { threadHead, turnText } from "../format/turn-text.ts";
import { withHome } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import type { Progress } from "../progress-bar.ts";
import { chooseThread, type ThreadChoice } from "../resolve-thread-id.ts";

interface ShowOptions extends ThreadChoice {
  /** Only this many of the newest turns. */
  readonly turns?: number;
}

/** Prints the thread with all its turns, or the newest ones. */
export async function runShow(context: CliContext, options: ShowOptions): Promise<ExitCode> {
  if (options.turns === 0) throw rejection("invalid_argument", "--turns must be 1 or more", { turns: 0 });
  return withHome(context, async (store) => {
    const { stored, turns } = await withProgress(context, "show", async (progress) => {
      const threadId = await chooseThread(context, store, options);
      return {
        stored: await store.readThread({ threadId }),
        turns: await readTurns(store, { threadId, newest: options.turns, progress }),
      };
    });
    if (context.json) {
      await context.out.write(`${toJsonLine({ thread: toThread(stored, { turns }) })}\n`);
      return EXIT.ok;
    }
    await context.out.write(threadHead(stored, context.out));
    for (const turn of turns) await context.out.write(`\n${turnText(turn, context.out)}`);
    return EXIT.ok;
  });
}

interface ReadTurnsParams {
  readonly threadId: string;
  readonly newest: number | undefined;
  readonly progress: Progress;
}

/** The `newest` turns, or all, oldest first. */
async function readTurns(store: ThreadStore, params: ReadTurnsParams): Promise<readonly Turn[]> {
  const { threadId, newest = Number.POSITIVE_INFINITY, progress } = params;
  const newestFirst: Turn[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.listTurns({
      threadId,
      itemsView: "full",
      limit: Math.min(newest - newestFirst.length, LIMITS.pageSizeMax),
      ...(cursor === null ? {} : { cursor }),
    });
    newestFirst.push(...page.data);
    progress.tell({ unit: "turns", done: newestFirst.length });
    cursor = page.nextCursor;
  } while (cursor !== null && newestFirst.length < newest);
  return newestFirst.reverse();
}
