/**
 * The section on PostgreSQL of docs/RELIABILITY.md, as a run of `npm run pg-crash` writes it: between its two marks,
 * and nothing else of the page.
 */
import type { PgCrashRow } from "./pg-rows.ts";
import type { SiteResult } from "./pg-site.ts";

/** A row with what came of it. */
export interface RowResult {
  readonly row: PgCrashRow;
  readonly rounds: number;
  readonly seed: number;
  readonly seconds: number;
  readonly result: SiteResult;
}

/** When and where the rows were run. */
export interface RunFacts {
  readonly date: string;
  readonly machine: string;
  readonly server: string;
}

const BEGIN = "<!-- pg-crash: made by `npm run pg-crash -- --page` -->";
const END = "<!-- /pg-crash -->";
const number = new Intl.NumberFormat("en-US");

/** The page with the section of this run in it; at its end where it has none yet. */
export function withPgCrashTable(page: string, facts: RunFacts, rows: readonly RowResult[]): string {
  const section = `${BEGIN}\n\n${sectionOf(facts, rows)}\n\n${END}`;
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin >= 0 && end > begin) return page.slice(0, begin) + section + page.slice(end + END.length);
  return `${page.trimEnd()}\n\n${section}\n`;
}

/** A row in a line, for a terminal. */
export function rowLine({ row, rounds, result, seed, seconds }: RowResult): string {
  const { acknowledged, lost, doubled, broken, landedUnheard } = result;
  const counts = `${acknowledged} acknowledged, ${lost} lost, ${doubled} doubled, ${broken} broken, ${landedUnheard} landed unheard`;
  return `${row.id.padEnd(16)} ${rounds} rounds: ${counts}; ${waitOf(result)} (${row.wait}); ${codesOf(result)}; seed ${seed}, ${seconds} s`;
}

/** Whether a row kept what it must. A row for comparison must show a loss: else no loss could be seen at all. */
export function isHeld({ row, result }: RowResult): boolean {
  if (row.isControl === true) return result.lost > 0;
  return result.lost === 0 && result.doubled === 0 && result.broken === 0;
}

function sectionOf({ date, machine, server }: RunFacts, rows: readonly RowResult[]): string {
  const earnest = rows.filter(({ row }) => row.isControl !== true && row.counts === undefined);
  const total = (count: (result: SiteResult) => number): number =>
    earnest.reduce((sum, { result }) => sum + count(result), 0);
  const table = rows.map(({ row, rounds, seed, result }) =>
    [
      `\`${row.id}\``,
      row.title,
      rounds,
      `${number.format(result.acknowledged)}${row.counts === undefined ? "" : ` ${row.counts}`}`,
      number.format(result.lost),
      number.format(result.doubled + result.broken),
      number.format(result.landedUnheard),
      `${waitOf(result)} (${row.wait})`,
      codesOf(result),
      seed,
    ].join(" | "),
  );
  return [
    "## PostgreSQL, killed",
    "",
    "`npm run pg-crash` does it with real servers and real processes: nodes append to their threads at once, each append under an",
    "idempotency key, and ask again for what failed. Each acknowledgement is noted with its thread, its ordinal and a digest; in the",
    "end every thread is read and compared. An append that was begun and never acknowledged may be there (landed unheard), whole and",
    "once. But for the failovers a node that only listens takes part, and must be told of every record once and in order. A small part",
    "of most rows runs in `npm test` (`SKEIN_CRASH_SEED` repeats one).",
    "",
    '```sh no-run reason="takes minutes, and needs a clone"',
    "npm run pg-crash                                # every row; --seed, --scale and --only as the script says",
    "```",
    "",
    `Run of ${date} (${machine}; ${server}, \`fsync=on\`, \`synchronous_commit=on\`):`,
    `of ${number.format(total((result) => result.acknowledged))} acknowledged appends ${number.format(total((result) => result.lost))} were lost, and ${number.format(total((result) => result.doubled))} are there twice.`,
    "",
    "| Row | What is done while nodes append | Rounds | Acknowledged | Lost | Doubled or broken | Landed unheard | Milliseconds, median and longest | Callers were told | Seed |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- | ---: |",
    ...table.map((line) => `| ${line} |`),
    "",
    "The last row shows that a loss would be seen: without synchronous replication a failover loses what had not reached the standby",
    "that is promoted. On one server no replication is needed to keep what was acknowledged, only its disk. The test promotes at once;",
    "a failover manager needs its own time to see that the primary is gone.",
    "",
    "Three bugs that were planted in the store on 2026-11-27 were seen: commits that nobody waits for (195 of 7,764 lost), a put that landed",
    "and isn't known again, and an epoch that isn't compared (both as an `ordinal_conflict` told to a thread's one writer, which counts as broken).",
    "",
    "It found a bug that nobody had planted, in one round of some hundreds: behind a killed server a node that listens was not told of one",
    "record. The server had given the number of a transaction again that only told others to look (a NOTIFY, which waits for no disk), and",
    "the node took what was written with it for something it had seen. Mended on 2026-11-27; `killed-server.test.ts` makes it happen each time.",
  ].join("\n");
}

function waitOf({ waitsMs }: SiteResult): string {
  const sorted = waitsMs.toSorted((a, b) => a - b);
  const [median, longest] = [sorted[Math.floor(sorted.length / 2)], sorted.at(-1)];
  return median === undefined || longest === undefined
    ? "no waits"
    : `${number.format(median)} / ${number.format(longest)} ms`;
}

function codesOf({ codes }: SiteResult): string {
  const told = Object.entries(codes).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return told.length === 0 ? "nothing" : told.map(([code, count]) => `${code} ×${number.format(count)}`).join(", ");
}
