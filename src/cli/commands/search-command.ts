/**
 * `skein search TEXT`: threads whose name or messages hold a text, newest first, each with the text around its
 * first match. It needs the state DB, which has the index.
 */
import { rejection } from "../../base/index.ts";
import { toThread } from "../../store/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { formatLocalMinute } from "../format/local-time.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { withHome } from "../open-home.ts";
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
      const page = await withProgress(context, "search", () => store.searchThreads(params));
      if (context.json) {
        const data = page.data.map(({ thread, snippet }) => ({ thread: toThread(thread), snippet }));
        await context.out.write(`${toJsonLine({ ...page, data })}\n`);
        return EXIT.ok;
      }
      for (const { thread, snippet } of page.data) {
        const head = [thread.id, formatLocalMinute(thread.updatedAtMs), toPlainLine(thread.name ?? "")];
        await context.out.write(`${head.join("\t").trimEnd()}\n    ${highlighted(snippet, query, context.out)}\n`);
      }
      if (page.data.length === 0) await note(context, `nothing holds ${JSON.stringify(query)} here (${context.home})`);
      if (!page.isComplete)
        await note(context, "threads may be missing here: `skein doctor` says which files could not be read");
      if (page.nextCursor !== null) await note(context, `more: add --cursor ${page.nextCursor}`);
      return EXIT.ok;
    },
    { needsStateDb: true },
  );
}

/** The snippet in one line, its match in bold where there is a terminal. */
function highlighted(snippet: string, query: string, out: Output): string {
  const line = toPlainLine(snippet);
  const wanted = toPlainLine(query);
  const at = line.toLowerCase().indexOf(wanted.toLowerCase());
  if (at < 0) return line;
  const end = at + wanted.length;
  return `${line.slice(0, at)}${out.paint("bold", line.slice(at, end))}${line.slice(end)}`;
}
