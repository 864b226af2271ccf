/**
 * `skein search TEXT`: threads whose name or messages hold a text, newest first, each with the text around its
 * first match. It needs the state DB, which has the index.
 */
import { rejection } from "../../base/index.ts";
import {
  type SearchThreadsParams,
  type SearchThreadsResult,
  type StoredThread,
  type ThreadStore,
  toThread,
} from "../../store/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatLocalMinute } from "../format/local-time.ts";
import { cutToWidth, toPlainLine } from "../format/plain-text.ts";
import { titleOf } from "../format/thread-table.ts";
import { withHome } from "../open-home.ts";
import { storePlaceOf } from "../open-store.ts";
import { type Output, toJsonLine } from "../output.ts";

interface SearchOptions {
  readonly text: string;
  readonly archived?: boolean;
  readonly live?: boolean;
  readonly limit?: number;
  readonly cursor?: string;
}

/** Prints one page of what was found. */
export async function runSearch(context: CliContext, options: SearchOptions): Promise<ExitCode> {
  const { text: query, archived, live, limit, cursor } = options;
  if (limit === 0) throw rejection("invalid_argument", "--limit must be 1 or more", { limit: 0 });
  if (archived === true && live === true) throw rejection("invalid_argument", "--archived and --live leave nothing");
  return withHome(
    context,
    async (store) => {
      const params = {
        query,
        ...(archived === true ? { archived: true } : {}),
        ...(live === true ? { archived: false } : {}),
        ...(limit === undefined ? {} : { limit }),
        ...(cursor === undefined ? {} : { cursor }),
      };
      const page = await withProgress(context, "search", () => search(context, store, params));
      if (context.json) {
        const data = page.data.map(({ thread, snippet }) => ({ thread: toThread(thread), snippet }));
        await context.out.write(`${toJsonLine({ ...page, data })}\n`);
        return EXIT.ok;
      }
      for (const { thread, snippet } of page.data) {
        await context.out.write(`${headOf(thread, context.out)}\n    ${highlighted(snippet, query, context.out)}\n`);
      }
      if (page.data.length === 0)
        await note(context, `nothing holds ${JSON.stringify(query)} here (${storePlaceOf(context)})`);
      if (!page.isComplete)
        await note(context, "threads may be missing here: `skein doctor` says which files could not be read");
      if (page.nextCursor !== null) await note(context, `more: add --cursor ${page.nextCursor}`);
      return EXIT.ok;
    },
    { needsStateDb: true },
  );
}

/** The thread's id, when it changed, and its name or first message, as in a list. */
function headOf(thread: StoredThread, out: Output): string {
  const [changed, title] = [formatLocalMinute(thread.updatedAtMs), titleOf(thread)];
  if (out.columns === undefined) return [thread.id, changed, title].join("\t");
  const room = out.columns - thread.id.length - changed.length - 4;
  return [out.paint("cyan", thread.id), changed, cutToWidth(title, room)].join("  ");
}

/** Where nothing was kept yet there is no state DB to ask, and nothing to find. */
async function search(
  { clock }: CliContext,
  store: ThreadStore,
  params: SearchThreadsParams,
): Promise<SearchThreadsResult> {
  if (store.capabilities.search) return store.searchThreads(params);
  return { data: [], nextCursor: null, isComplete: true, asOfMs: clock.nowMs() };
}

/** The snippet in one line, its match in bold where there is a terminal. */
function highlighted(snippet: string, query: string, out: Output): string {
  const whole = toPlainLine(snippet);
  const line = out.columns === undefined ? whole : cutToWidth(whole, out.columns - 4);
  const wanted = toPlainLine(query);
  const at = line.toLowerCase().indexOf(wanted.toLowerCase());
  if (at < 0) return line;
  const end = at + wanted.length;
  return `${line.slice(0, at)}${out.paint("bold", line.slice(at, end))}${line.slice(end)}`;
}
