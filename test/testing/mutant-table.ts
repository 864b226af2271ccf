/**
 * What became of the planted bugs, as rows: which laws catch each, and within how many examples. The page of the
 * docs is made of them, and read back to see that it has the bugs that the code has.
 */

/** A law that catches a bug. */
export interface CatchingLaw {
  readonly id: string;
  /** The most examples that it took, over all seeds. Null: with some seed it didn't catch it. */
  readonly runs: number | null;
}

/** One bug. */
export interface MutantRow {
  /** The store that has it: "memory", "local", "local with state DB". */
  readonly store: string;
  /** What goes wrong, in words. */
  readonly name: string;
  /** The file it is planted in; null: a method of a store, from outside. */
  readonly file: string | null;
  readonly laws: readonly CatchingLaw[];
}

/** How the rows came to be. */
export interface MutantTable {
  readonly seeds: readonly number[];
  readonly rows: readonly MutantRow[];
}

/** The page. */
export function mutantsPage({ seeds, rows }: MutantTable): string {
  const stores = [...new Set(rows.map((row) => row.store))];
  const [first, last] = [seeds[0], seeds.at(-1)];
  const tried = seeds.length === 1 ? `with seed ${first}` : `over ${seeds.length} seeds (${first} to ${last})`;
  return [
    "# Planted bugs",
    "",
    `A suite that can't fail proves nothing. ${rows.length} bugs are planted in Skein's stores and feeds, one at a time, and the`,
    "laws of `skein/testing` catch every one. Some are planted from outside, by replacing methods of a store that",
    "keeps all laws; the others in a copy of the source, by changing one place in a file. None is in the code itself.",
    "",
    `The number behind a law is the most examples it needed until it broke, ${tried}; a question mark`,
    "stands where it did not break with every seed. Each example is a fresh place, and a law tries 20 unless",
    "[it says otherwise](INVARIANTS.md). Where it takes a disk that fails or lies, the simulation of the whole runtime",
    "finds the bug: its invariants begin with `sim.`, and an example is a run of it (`npm run simulate`).",
    "",
    "- `npm run mutants` plants them all again and prints this table; `--page` writes this page.",
    "- `npm test` plants each once, and checks that this page has the bugs and laws that the code has.",
    "",
    ...stores.flatMap((store) => [
      `## ${store.slice(0, 1).toUpperCase()}${store.slice(1)}`,
      "",
      "| What goes wrong | Planted in | Caught by, within how many examples |",
      "| --- | --- | --- |",
      ...rows.filter((row) => row.store === store).map(rowText),
      "",
    ]),
  ].join("\n");
}

function rowText({ name, file, laws }: MutantRow): string {
  const caughtBy = laws.map(({ id, runs }) => `\`${id}\` ${runs ?? "?"}`).join(", ");
  return `| ${name} | ${file === null ? "a method" : `\`${file}\``} | ${caughtBy} |`;
}

/** What a page says of each bug, as one text each, without the numbers: "store: name (file) law law". */
export function bugsOnPage(page: string): readonly string[] {
  const bugs: string[] = [];
  let store = "";
  for (const line of page.split("\n")) {
    if (line.startsWith("## ")) store = line.slice(3).toLowerCase();
    const [, name, file, laws] = /^\| (.+) \| (a method|`[^`]+`) \| (.*) \|$/.exec(line) ?? [];
    if (name === undefined || file === undefined) continue;
    const ids = [...(laws ?? "").matchAll(/`([^`]+)`/g)].map((match) => match[1]);
    bugs.push(bugText({ store, name, file: file === "a method" ? null : file.slice(1, -1), laws: ids }));
  }
  return bugs;
}

/** The same of a bug of the code. */
export function bugText(bug: {
  readonly store: string;
  readonly name: string;
  readonly file: string | null;
  readonly laws: readonly (string | undefined)[];
}): string {
  const { store, name, file, laws } = bug;
  return `${store.toLowerCase()}: ${name} (${file ?? "a method"}) ${laws.join(" ")}`;
}
