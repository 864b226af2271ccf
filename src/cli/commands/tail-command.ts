/**
 * `skein tail`: a thread's records, one a line, and those that are added from now on by any process.
 * It looks at the log again and again (other processes tell it nothing), often while something
 * happens and less often while nothing does.
 */
import { type Clock, sleep } from "../../base/index.ts";
import type { RolloutRecord } from "../../events/index.ts";
import type { HistoryPage, ThreadStore } from "../../store/index.ts";
import { type CliContext, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { recordJson, recordLine } from "../format/record-line.ts";
import { withHome } from "../open-home.ts";
import { chooseThread, type ThreadChoice } from "../resolve-thread-id.ts";

interface TailOptions extends ThreadChoice {
  readonly from?: number;
  readonly follow: boolean;
}

/** Records shown before following, as `tail` does. */
const NEWEST_SHOWN = 10;
/** A look costs a stat; 20 a second is unnoticed, and half a second is soon enough for a quiet thread. */
const LOOK_EVERY_MS = 50;
const LOOK_EVERY_MS_MAX = 500;

/** Prints records, then follows until Ctrl-C. */
export async function runTail(context: CliContext, options: TailOptions): Promise<ExitCode> {
  const stop = new AbortController();
  const release = context.onInterrupt(() => stop.abort(new Error("interrupted")));
  try {
    const work = (store: ThreadStore): Promise<ExitCode> => tail(context, options, { store, signal: stop.signal });
    return await withHome(context, work, { handlesInterrupt: true });
  } finally {
    release();
  }
}

interface TailTools {
  readonly store: ThreadStore;
  readonly signal: AbortSignal;
}

async function tail(context: CliContext, options: TailOptions, tools: TailTools): Promise<ExitCode> {
  const { store, signal } = tools;
  const threadId = await chooseThread(context, store, options);
  const show = async (records: readonly RolloutRecord[]): Promise<void> => {
    const lines = records.map((record) => (context.json ? recordJson(record) : recordLine(record, context.out)));
    await context.out.write(lines.join(""));
  };
  let page: Position = { nextOrdinal: options.from ?? 0 };
  if (options.from === undefined) {
    const newest = await withProgress(context, "tail", () => readNewest(store, threadId));
    await show(newest.records);
    page = newest.page;
  }
  let waitMs = LOOK_EVERY_MS;
  while (!signal.aborted) {
    const next: HistoryPage = await store.loadHistory(lookFrom(threadId, page));
    await show(next.records);
    page = next.nextOrdinal < page.nextOrdinal ? page : next;
    if (!next.isEnd) continue;
    if (!options.follow) break;
    waitMs = next.records.length > 0 ? LOOK_EVERY_MS : Math.min(waitMs * 1.5, LOOK_EVERY_MS_MAX);
    await pause(context.clock, waitMs, signal);
  }
  return EXIT.ok;
}

type Position = Pick<HistoryPage, "nextOrdinal" | "hint">;

function lookFrom(threadId: string, position: Position): { threadId: string; from: number; hint?: string } {
  const { nextOrdinal: from, hint } = position;
  return hint === undefined ? { threadId, from } : { threadId, from, hint };
}

/** The newest records that are there, and where the log goes on. */
async function readNewest(
  store: ThreadStore,
  threadId: string,
): Promise<{ readonly records: readonly RolloutRecord[]; readonly page: Position }> {
  let records: readonly RolloutRecord[] = [];
  let page: Position = { nextOrdinal: 0 };
  for (;;) {
    const next: HistoryPage = await store.loadHistory(lookFrom(threadId, page));
    records = [...records, ...next.records].slice(-NEWEST_SHOWN);
    page = next;
    if (next.isEnd) return { records, page };
  }
}

/** Waits, or returns at once when interrupted. */
async function pause(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, waitMs, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
