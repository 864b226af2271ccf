/**
 * The table of docs/RELIABILITY.md, made from the results of one run: between two marks, everything else on the page
 * is written by hand. A page whose rows are not those of the fault table is out of date.
 */
import { arch, cpus, release, type } from "node:os";

import type { FaultResult } from "./fault-books.ts";
import type { FaultRow } from "./fault-row.ts";

/** Where the table is on the page. */
const BEGIN = "<!-- faults: made by `npm run faults -- --page` -->";
const END = "<!-- /faults -->";

/** A run, or several that were put together, for the line above the table. */
export interface FaultRun {
  readonly seeds: readonly number[];
  readonly seconds: number;
  readonly date: Date;
  readonly results: readonly FaultResult[];
}

/** The page with the table of this run in it. */
export function withFaultTable(page: string, rows: readonly FaultRow[], run: FaultRun): string {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error(`the page has no "${BEGIN}" … "${END}"`);
  return `${before}${BEGIN}\n\n${tableOf(rows, run)}\n\n${END}${after}`;
}

/** The ids in the table of a page, from the top. */
export function idsOnPage(page: string): readonly string[] {
  const table = page.split(BEGIN)[1]?.split(END)[0] ?? "";
  return Array.from(table.matchAll(/^\| `([a-z0-9.-]+)` \|/gm), (match) => match[1] ?? "");
}

function tableOf(rows: readonly FaultRow[], run: FaultRun): string {
  const { seeds, seconds, date, results } = run;
  const sum = (count: (result: FaultResult) => number): string =>
    results.reduce((all, result) => all + count(result), 0).toLocaleString("en");
  const held = results.filter(({ broken, skipped }) => broken.length === 0 && skipped === null).length;
  const skipped = results.filter((result) => result.skipped !== null).length;
  const machine = `${type()} ${release()} ${arch()}, ${cpus().length} cores, Node ${process.versions.node}`;
  const head = [
    `Run of ${date.toISOString().slice(0, 10)}, seed ${seeds.join(" and ")}, ${Math.round(seconds)} s (${machine}): ${sum(({ injected }) => injected)} faults injected;`,
    `of ${sum(({ acknowledged }) => acknowledged)} acknowledged records that were looked for, ${sum(({ lost }) => lost)} were lost, and ${sum(({ harmed }) => harmed)} threads or files were harmed.`,
    `${held} of ${results.length} rows held, ${skipped} were skipped.`,
  ];
  const lines = results.map((result) =>
    lineOf(
      rows.find(({ id }) => id === result.id),
      result,
    ),
  );
  return [
    head.join("\n"),
    "",
    "| Row | What is injected, and how | Times | Acknowledged | Lost | Harmed | Callers were told | Named by `verify`, `doctor` |",
    "| --- | --- | ---: | ---: | ---: | ---: | --- | --- |",
    ...lines,
  ].join("\n");
}

function lineOf(row: FaultRow | undefined, result: FaultResult): string {
  const { id, injected, acknowledged, lost, harmed, codes, named, skipped, broken } = result;
  const holds = row?.holds === undefined ? "" : `. Beside what holds for all: ${row.holds}`;
  const what = `${row?.what ?? ""}: ${row?.how ?? ""}${holds}`;
  if (skipped !== null)
    return `| ${[`\`${id}\``, what, `skipped: ${skipped}`, "", "", "", "", ""].map(cell).join(" | ")} |`;
  const told = broken.length === 0 ? words(codes) : `**broken**: ${words(codes)}`;
  const numbers = [injected, acknowledged, lost, harmed].map((count) => count.toLocaleString("en"));
  return `| ${[`\`${id}\``, what, ...numbers, told, words(named) || "nothing was left"].map(cell).join(" | ")} |`;
}

function words(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([word, count]) => `${word} ×${count}`)
    .join(", ");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
