/**
 * Writes docs/INVARIANTS.md: every law of the kit, what the simulation and the fault table hold to, and the numbered
 * invariants at the heads of source files. All of it is read from the code that keeps or checks it, so the page says
 * nothing that isn't there. `--check` writes nothing and exits with 1 when the page is not what the code gives.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { NEED_TEXTS } from "../src/testing/store-claims.ts";
import { storeLaws } from "../src/testing/store-laws.ts";
import { FAULT_ROWS } from "../test/faults/fault-table.ts";
import { listFiles, projectRoot } from "./source-files.ts";

/** What the simulation holds every run to. Its files name the ids; the sentences are said here. */
const SIMULATION_TEXTS: Readonly<Record<string, string>> = {
  "sim.acknowledged": "what was acknowledged is there after every crash, unless a sync lied about it",
  "sim.errors-have-codes": "a call that fails gives a code, and a fault that was injected explains it",
  "sim.feeds": "a feed tells every record once, in order, across its whole life",
  "sim.fenced": "a process that lost a thread writes nothing more to it",
  "sim.files-valid": "behind a crash the files hold nothing worse than torn tails",
  "sim.no-bug": "no assertion fails, and nothing is logged as a bug",
  "sim.no-half-batch": "an append is there whole or not at all",
  "sim.no-hang": "every call is answered within a bound of simulated time",
  "sim.order": "records lie in the order of their ordinals, without gaps",
  "sim.rows-are-folds": "the rows of the state DB are the folds of the logs, and lists are complete",
};

/** Words of that form which are none: a member of parameters, a file of Codex. */
const NO_LAWS: ReadonlySet<string> = new Set(["metadata.git", "history.jsonl"]);

/** A numbered invariant at the head of a file. */
interface SourceInvariant {
  readonly path: string;
  readonly name: string;
  readonly text: string;
}

/** Every id that code and pages may cite. */
export function knownIds(): ReadonlySet<string> {
  return new Set([
    ...storeLaws.map(({ id }) => id),
    ...Object.keys(SIMULATION_TEXTS),
    ...FAULT_ROWS.map(({ id }) => id),
  ]);
}

/** Ids of the simulation that its files name. */
export function simulationIds(): readonly string[] {
  const texts = listFiles(projectRoot, "test/simulation").map((path) => readFileSync(join(projectRoot, path), "utf8"));
  return [
    ...new Set(texts.flatMap((text) => [...text.matchAll(/"(sim\.[a-z-]+)"/g)].map(([, id = ""]) => id))),
  ].toSorted();
}

/** An id that is cited, and where. */
export interface Citation {
  readonly path: string;
  readonly line: number;
  readonly id: string;
}

/** Citations of laws: `"append.atomic"` in code, `(append.atomic)` in comments, in backticks on pages. */
export function citations(): readonly Citation[] {
  const groups = [...new Set([...knownIds()].map((id) => id.slice(0, id.indexOf("."))))].join("|");
  const id = `((?:${groups})(?:\\.[a-z][a-z0-9-]*)+)`;
  const inCode = new RegExp(`"${id}"|^\\s*(?:\\*|//).*?\\(${id}(?:, (?:${groups})\\.[a-z0-9-]+)*\\)`, "g");
  const onPages = new RegExp(`\`${id}\``, "g");
  const files = ["src", "test", "scripts", "docs"].flatMap((folder) => listFiles(projectRoot, folder));
  return files
    .filter((path) => /\.(ts|md)$/.test(path) && !path.includes("/fixtures/"))
    .flatMap((path) => {
      const pattern = path.endsWith(".md") ? onPages : inCode;
      const lines = readFileSync(join(projectRoot, path), "utf8").split("\n");
      return lines.flatMap((text, index) =>
        [...text.matchAll(pattern)]
          .flatMap((match) => idsIn(match[0], id))
          .map((found) => ({ path, line: index + 1, id: found })),
      );
    });
}

function idsIn(text: string, id: string): readonly string[] {
  return [...text.matchAll(new RegExp(id, "g"))].map(([found]) => found).filter((found) => !NO_LAWS.has(found));
}

/** The page. */
export function invariantsPage(): string {
  return (
    [HEAD, lawTables(), SIMULATION_HEAD, simulationTable(), FAULTS_TEXT, SOURCE_HEAD, sourceTables(), ""]
      .join("\n\n")
      .trimEnd() + "\n"
  );
}

const HEAD = `# Invariants

What holds, by the ids that code, tests and these pages cite. Made from the code by \`node scripts/invariants-page.ts\`; a test
keeps it current, and another refuses an id that is cited and isn't here.

- [Laws of a thread store](#laws-of-a-thread-store): what \`skein/testing\` holds any store to ([TESTING.md](TESTING.md)).
- [The simulation](#the-simulation) and [real faults](#real-faults): what must hold whatever breaks ([RELIABILITY.md](RELIABILITY.md)).
- [At the heads of files](#at-the-heads-of-files): what each part keeps so that the rest can lean on it.

## Laws of a thread store

A law is a sentence, a generator of examples, and code that tries to break the sentence with one of them on a fresh place.
*Needs* are claims: a store that doesn't make them isn't held to the law, and its report says so; a law that needs "no search" is about
stores that don't claim search. *Examples* are how many are
tried where nobody asks for another number. *Kept in* names code of this repository that cites the law; that each law is
caught breaking is shown in [MUTANTS.md](MUTANTS.md).`;

const SIMULATION_HEAD = `## The simulation

\`npm run simulate\` runs the whole runtime on a simulated clock, disk and scheduler, and holds each run to these.`;

const FAULTS_TEXT = `## Real faults

The rows of \`npm run faults\` have ids of the form \`fault.WHAT.WHERE\`. What was injected and what must hold is in the table of
[RELIABILITY.md](RELIABILITY.md).`;

const SOURCE_HEAD = `## At the heads of files

A name counts within its file: \`thread-store.ts\` S2, \`rollout-writer.ts\` W3.`;

function lawTables(): string {
  const groups = Map.groupBy(storeLaws, ({ id }) => id.slice(0, id.indexOf(".")));
  const cited = Map.groupBy(
    citations().filter(({ path }) => path.startsWith("src/") && !path.startsWith("src/testing/")),
    ({ id }) => id,
  );
  const tables = [...groups].map(([group, laws]) => {
    const rows = laws.map(({ id, title, needs, lacks, runs }) => {
      const paths = [...new Set((cited.get(id) ?? []).map(({ path }) => path))];
      const links = paths.map((path) => `[${path.slice(path.lastIndexOf("/") + 1)}](../${path})`).join(", ");
      const needed = [...needs.map((need) => NEED_TEXTS[need]), ...lacks.map((need) => `no ${NEED_TEXTS[need]}`)].join(
        ", ",
      );
      return `| \`${id}\` | ${cell(title)} | ${needed} | ${runs} | ${links} |`;
    });
    return [
      `### ${group}`,
      "",
      "| Law | Says | Needs | Examples | Kept in |",
      "| --- | --- | --- | --- | --- |",
      ...rows,
    ].join("\n");
  });
  return [`${storeLaws.length} laws in ${groups.size} groups.`, ...tables].join("\n\n");
}

function simulationTable(): string {
  const ids = simulationIds();
  const unsaid = ids.filter((id) => SIMULATION_TEXTS[id] === undefined);
  if (unsaid.length > 0) throw new Error(`scripts/invariants-page.ts has no sentence for ${unsaid.join(", ")}`);
  const rows = ids.map((id) => `| \`${id}\` | ${SIMULATION_TEXTS[id]} |`);
  return ["| Id | Says |", "| --- | --- |", ...rows].join("\n");
}

function sourceTables(): string {
  const byPath = Map.groupBy(sourceInvariants(), ({ path }) => path);
  return [...byPath]
    .map(([path, invariants]) => {
      const rows = invariants.map(({ name, text }) => `| ${name} | ${cell(text)} |`);
      return [`### [${path.replace("src/", "")}](../${path})`, "", "| | |", "| --- | --- |", ...rows].join("\n");
    })
    .join("\n\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** Blocks of `Invariants` in the heads of files: `S1  text`, and lines that go on further in. */
function sourceInvariants(): readonly SourceInvariant[] {
  return listFiles(projectRoot, "src")
    .filter((path) => path.endsWith(".ts"))
    .flatMap((path) => {
      const head = /^\/\*\*[\s\S]*?\*\//.exec(readFileSync(join(projectRoot, path), "utf8"))?.[0] ?? "";
      const [, block] = head.split(/^ \* Invariants$/m);
      if (block === undefined) return [];
      const invariants: SourceInvariant[] = [];
      for (const line of block.split("\n")) {
        const [, name, text] = /^ \*   ([A-Z]?\d+)[.]? +(.*)$/.exec(line) ?? [];
        const [, more] = /^ \* {5,}(\S.*)$/.exec(line) ?? [];
        const last = invariants.at(-1);
        if (name !== undefined && text !== undefined) invariants.push({ path, name, text });
        else if (more !== undefined && last !== undefined)
          invariants.splice(-1, 1, { ...last, text: `${last.text} ${more}` });
      }
      return invariants;
    });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const path = join(projectRoot, "docs", "INVARIANTS.md");
  const page = invariantsPage();
  if (!process.argv.includes("--check")) {
    writeFileSync(path, page);
    console.log("docs/INVARIANTS.md written");
  } else if (readFileSync(path, "utf8") !== page) {
    console.error("docs/INVARIANTS.md is not up to date: run `node scripts/invariants-page.ts`");
    process.exitCode = 1;
  }
}
