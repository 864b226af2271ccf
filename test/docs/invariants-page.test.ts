/**
 * The page of invariants is what the code gives, and no id of a law is cited that isn't one: in code, tests or pages.
 * Every law is cited somewhere outside of the kit.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { citations, invariantsPage, knownIds, simulationIds } from "../../scripts/invariants-page.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { storeLaws } from "../../src/testing/store-laws.ts";

test("docs/INVARIANTS.md is what the code gives; `node scripts/invariants-page.ts` writes it anew", () => {
  expect(readFileSync(join(projectRoot, "docs/INVARIANTS.md"), "utf8")).toBe(invariantsPage());
});

test("every id of a law that is cited is one, or the beginning of some", () => {
  const known = [...knownIds()];
  const isKnown = (id: string): boolean => known.some((one) => one === id || one.startsWith(`${id}.`));
  const unknown = citations().filter(({ id }) => !isKnown(id));
  expect(unknown.map(({ path, line, id }) => `${path}:${line} ${id}`)).toEqual([]);
});

test("every law is cited where it is kept or where a bug breaks it", () => {
  const cited = new Set(
    citations()
      .filter(({ path }) => !path.startsWith("src/testing/") && !path.startsWith("docs/"))
      .map(({ id }) => id),
  );
  expect(storeLaws.map(({ id }) => id).filter((id) => !cited.has(id))).toEqual([]);
});

test("every id that the simulation names has its sentence", () => {
  expect(simulationIds().filter((id) => !knownIds().has(id))).toEqual([]);
});
