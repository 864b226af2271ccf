/**
 * Bugs that are planted in a copy of the source: every one is caught by a law that is to catch it, with one fixed
 * seed. A law that finds a bug in all but one run of a thousand is a good law, and must not fail this test. And
 * the page of the docs has the bugs and laws that the code has.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { beforeAll, describe, expect, inject, it } from "vitest";

import { storeLaws } from "../../src/testing/index.ts";
import { catalogue, STORE_NAMES, trySource } from "./mutant-catalogue.ts";
import { bugsOnPage, bugText } from "./mutant-table.ts";
import { mutate, type SourceMutant } from "./source-mutant.ts";
import { sourceMutants } from "./source-mutants.ts";

const ROOT = resolve(import.meta.dirname, "..", "..");
const SEED = 20_260_115;
const ALL_MS_MAX = 300_000;
/** Each bug costs a process of a second or two: a run tries every so many of them, `npm run mutants` all. */
const EVERY = 8;
const first = inject("fastCheckSeed") % EVERY;
const tried = sourceMutants.filter((_, index) => index % EVERY === first);

describe("a bug in the source", () => {
  /** Broken laws of each mutant, or why its process gave no answer. */
  const broken = new Map<SourceMutant, readonly string[] | string>();
  beforeAll(async () => {
    await trySource({ seed: SEED, isWanted: (mutant) => tried.includes(mutant) }, ({ mutant }, findings, failure) => {
      broken.set(mutant, failure?.message ?? findings.map(({ id }) => id));
    });
  }, ALL_MS_MAX);

  it.each(tried)("is caught where $name ($fixture, $file)", (mutant) => {
    const ids = broken.get(mutant);
    expect(
      mutant.caughtBy.some((id) => ids?.includes(id)),
      `${mutant.caughtBy.join()}; broken: ${String(ids)}`,
    ).toBe(true);
  });
});

describe("the planted bugs", () => {
  it.each(sourceMutants)("are up to date where $name ($fixture, $file)", (mutant) => {
    expect(mutate(ROOT, mutant)).toContain(mutant.to);
  });

  it("have names of their own, and laws that there are", () => {
    const bugs = catalogue();
    const names = bugs.map(({ store, name, file }) => `${store}: ${name} (${file})`);
    expect(new Set(names).size).toBe(names.length);
    const ids = new Set(storeLaws.map(({ id }) => id));
    // Where it takes a disk that fails, an invariant of the simulation finds the bug.
    const isLaw = (id: string): boolean => ids.has(id) || id.startsWith("sim.");
    expect(bugs.filter(({ laws }) => laws.length === 0 || !laws.every(isLaw))).toEqual([]);
  });

  it("are more than thirty in the store of files, and some in each store", () => {
    const count = (fixture: SourceMutant["fixture"]): number =>
      catalogue().filter(({ store }) => store === STORE_NAMES[fixture]).length;
    expect(count("local")).toBeGreaterThan(30);
    expect(Math.min(count("memory"), count("indexed"))).toBeGreaterThan(10);
  });

  it("stand on the page of the docs, with the laws that catch them", () => {
    const page = readFileSync(join(ROOT, "docs", "MUTANTS.md"), "utf8");
    expect([...bugsOnPage(page)].toSorted()).toEqual(catalogue().map(bugText).toSorted());
  });
});
