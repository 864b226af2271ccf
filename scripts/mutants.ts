/**
 * `npm run mutants`: plants every bug of test/testing, one at a time, and says which laws of `skein/testing` catch
 * it and within how many examples. Progress goes to standard error.
 *
 *   --seeds N      how many seeds each is tried with, default 5
 *   --seed N       the first of them, default 1
 *   --only TEXT    bugs whose name, file or store holds this
 *   --every-law    runs all laws on the bugs in the source, not only those that are to catch them; slow
 *   --json         print the table as JSON
 *   --page         write it to docs/MUTANTS.md as well
 *
 * Exit codes: 0 every bug was caught, by a law that is to catch it, with every seed; 1 one wasn't; 2 wrong option.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import type { LawFinding } from "../test/testing/law-run.ts";
import { type CataloguedBug, catalogue, STORE_NAMES, tryPlanted, trySource } from "../test/testing/mutant-catalogue.ts";
import { type CatchingLaw, type MutantRow, mutantsPage } from "../test/testing/mutant-table.ts";
import { projectRoot } from "./source-files.ts";

interface Wish {
  readonly seeds: readonly number[];
  readonly bugs: readonly CataloguedBug[];
  readonly isEveryLaw: boolean;
  readonly json: boolean;
  readonly page: boolean;
}

function say(text: string): void {
  process.stderr.write(`mutants: ${text}\n`);
}

/** The options, or null after saying what is wrong with them. */
function parseWish(): Wish | null {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: "string", default: "5" },
        seed: { type: "string", default: "1" },
        only: { type: "string" },
        "every-law": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        page: { type: "boolean", default: false },
      },
    });
    const [count, first] = [Number(values.seeds), Number(values.seed)];
    const { only = "", json, page } = values;
    const bugs = catalogue().filter((bug) => `${bug.name}\n${bug.file}\n${bug.store}`.includes(only));
    if (!Number.isSafeInteger(count) || count < 1 || !Number.isSafeInteger(first)) {
      say("--seeds takes a whole number from 1 on, --seed a whole number");
    } else if (bugs.length === 0) say(`no bug has "${only}" in its name, file or store`);
    else if (page && only !== "") say("--page needs all bugs");
    else {
      const seeds = Array.from({ length: count }, (_, index) => first + index);
      return { seeds, bugs, isEveryLaw: values["every-law"], json, page };
    }
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  return null;
}

/** The broken laws of each bug, a map of their runs for each seed. */
type Caught = ReadonlyMap<string, ReadonlyMap<string, number>[]>;

function keyOf({ store, name, file }: Pick<CataloguedBug, "store" | "name" | "file">): string {
  return `${store}\n${name}\n${file}`;
}

async function plantAll({ seeds, bugs, isEveryLaw }: Wish): Promise<Caught> {
  const caught = new Map<string, ReadonlyMap<string, number>[]>(bugs.map((bug) => [keyOf(bug), []]));
  const note = (bug: Pick<CataloguedBug, "store" | "name" | "file">, broken: readonly LawFinding[]): void => {
    caught.get(keyOf(bug))?.push(new Map(broken.map(({ id, runs }) => [id, runs])));
  };
  const keys = new Set(caught.keys());
  for (const seed of seeds) {
    const fromOutside = bugs.filter(({ file }) => file === null);
    for (const bug of fromOutside) note(bug, await tryPlanted(bug.name, seed));
    let done = fromOutside.length;
    const isWanted = ({ name, file, fixture }: { name: string; file: string; fixture: keyof typeof STORE_NAMES }) =>
      keys.has(keyOf({ store: STORE_NAMES[fixture], name, file }));
    await trySource({ seed, isEveryLaw, isWanted }, ({ mutant }, broken, failure) => {
      done += 1;
      const { name, file, fixture } = mutant;
      note({ store: STORE_NAMES[fixture], name, file }, broken);
      if (failure !== null) say(`"${name}": ${failure.message}`);
      if (done % 20 === 0) say(`seed ${seed}: ${done} of ${bugs.length}`);
    });
  }
  return caught;
}

/** The laws that are to catch it, with their runs, and behind them others that did so with every seed. */
function rowOf(bug: CataloguedBug, runs: readonly ReadonlyMap<string, number>[]): MutantRow {
  const { store, name, file } = bug;
  const others = [...(runs[0]?.keys() ?? [])].filter((id) => !bug.laws.includes(id));
  const mostOf = (id: string): number | null => {
    const all = runs.map((broken) => broken.get(id) ?? Number.NaN);
    const most = Math.max(...all);
    return Number.isFinite(most) ? most : null;
  };
  const named = bug.laws.map((id): CatchingLaw => ({ id, runs: mostOf(id) }));
  const more = others.map((id): CatchingLaw => ({ id, runs: mostOf(id) })).filter((law) => law.runs !== null);
  return { store, name, file, laws: [...named, ...more] };
}

function isCaught({ laws }: CataloguedBug, broken: ReadonlyMap<string, number>): boolean {
  return laws.some((id) => broken.has(id));
}

async function main(): Promise<number> {
  const wish = parseWish();
  if (wish === null) return 2;
  const { seeds, bugs, json, page } = wish;
  say(`${bugs.length} bugs, ${seeds.length} seeds`);
  const caught = await plantAll(wish);
  const rows = bugs.map((bug) => rowOf(bug, caught.get(keyOf(bug)) ?? []));
  // Caught with every seed, though maybe not each time by the same law.
  const survivors = bugs.filter((bug) => (caught.get(keyOf(bug)) ?? []).some((broken) => !isCaught(bug, broken)));
  if (json) console.log(JSON.stringify({ seeds, rows, survivors: survivors.length }));
  else {
    for (const { store, name, file, laws } of rows) {
      const said = laws.map(({ id, runs }) => `${id} ${runs === null ? "NOT WITH EVERY SEED" : `within ${runs}`}`);
      console.log(`${store}: ${name} (${file ?? "a method"}): ${said.join(", ") || "SURVIVES"}`);
    }
    console.log(`${rows.length} bugs, ${rows.length - survivors.length} caught with every seed`);
  }
  if (page) {
    const withNamed = rows.map((row, index) => ({ ...row, laws: row.laws.slice(0, bugs[index]?.laws.length) }));
    writeFileSync(join(projectRoot, "docs", "MUTANTS.md"), mutantsPage({ seeds, rows: withNamed }));
    say("docs/MUTANTS.md written");
  }
  return survivors.length === 0 ? 0 : 1;
}

process.exitCode = await main();
