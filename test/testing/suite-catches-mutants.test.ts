/**
 * The store laws find planted bugs: a suite that can't fail proves nothing. Each bug is one that a store could
 * really have; the laws it names must reject it. Every law finds at least one, and a store without a bug,
 * made the same way, passes them all.
 */
import { describe, expect, it } from "vitest";

import { checkLaw, storeLaws } from "../../src/testing/index.ts";
import { fixtureWithBug } from "./planted-bug.ts";
import { plantedBugs } from "./planted-bugs.ts";

// That a law fails is all that is asked here; making the example small takes far longer. The seed is fixed: a
// law that finds a bug in all but one run of a thousand is a good law, and must not fail this test.
const SEED = 20_260_115;

describe("the store laws", () => {
  for (const bug of plantedBugs) {
    it.each(bug.caughtBy)(`catch by %s that ${bug.name}`, async (id) => {
      const law = storeLaws.find((candidate) => candidate.id === id);
      expect(law, id).toBeDefined();
      const options = { seed: SEED, shrinks: false, capabilities: bug.claims ?? {} };
      const verdict = law && (await checkLaw(law, fixtureWithBug(bug), options));
      expect(verdict).toMatchObject({ status: "broken" });
    });
  }

  it.each(storeLaws)("let a store without a bug pass $id", async (law) => {
    expect(await checkLaw(law, fixtureWithBug(), { seed: SEED })).not.toMatchObject({ status: "broken" });
  });

  it("each find at least one of the bugs", () => {
    const finding = new Set(plantedBugs.flatMap((bug) => bug.caughtBy));
    expect(storeLaws.filter((law) => !finding.has(law.id)).map((law) => law.id)).toEqual([]);
  });

  it("have ids and titles of their own", () => {
    expect(new Set(storeLaws.map((law) => law.id)).size).toBe(storeLaws.length);
    expect(new Set(storeLaws.map((law) => law.title)).size).toBe(storeLaws.length);
  });
});
