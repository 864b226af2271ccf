/**
 * Interleavings are data: a failure of calls in flight together, made small, is found again by its seed and path,
 * with the same calls let through in the same order.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { checkLaw, type LawFailure, storeLaws } from "../../src/testing/index.ts";
import { arbScheduler } from "../../src/testing/model/index.ts";
import { fixtureWithBug, type PlantedBug } from "./planted-bug.ts";
import { modelBugs } from "./planted-model-bugs.ts";

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];

// A feed shows it only where it was told of a record before it read it: that depends on the order alone.
const toldWrong: PlantedBug = {
  name: "records are told with another time than the log's",
  caughtBy: ["feed.complete"],
  plant: (store) => ({
    subscribe: (listener) =>
      store.subscribe((event) => {
        if (event.type !== "appended") listener(event);
        else listener({ ...event, records: event.records.map((record) => ({ ...record, timestamp: "never" })) });
      }),
  }),
};

interface Finding {
  readonly lawId: string;
  readonly bug: PlantedBug;
  readonly seed: number;
  readonly path?: string;
}

async function failureOf({ lawId, bug, seed, path }: Finding): Promise<LawFailure | undefined> {
  const law = storeLaws.find(({ id }) => id === lawId);
  if (law === undefined) throw new TypeError(`${lawId} is no law`);
  const verdict = await checkLaw(law, fixtureWithBug(bug), {
    seed,
    // The rarest of the bugs is seen in every few dozen examples.
    runs: 1_000,
    ...(path === undefined ? {} : { path }),
  });
  return verdict.status === "broken" ? verdict.failure : undefined;
}

describe("a failure of an interleaving, made small, is found again by its seed and path:", () => {
  for (const bug of [...modelBugs, toldWrong]) {
    const lawId = bug.caughtBy.find((id) => id === "model.interleaved" || id === "feed.complete");
    if (lawId === undefined) continue;
    it(`${bug.name} (${lawId})`, async () => {
      for (const seed of SEEDS) {
        const found = await failureOf({ lawId, bug, seed });
        expect(found, `seed ${seed}`).toMatchObject({ repeats: true });
        const again = await failureOf({ lawId, bug, seed, path: found?.path ?? "" });
        // The example's text tells which task was let through when.
        expect(again?.example, `seed ${seed}`).toBe(found?.example);
      }
    });
  }
});

describe("a drawn scheduler", () => {
  it("lets the same tasks through in the same order in each clone, also in clones beside one another", async () => {
    const orderOf = async (scheduler: fc.Scheduler): Promise<string> => {
      let order = "";
      const settled = "abcdefgh".split("").map(async (label) => {
        await scheduler.schedule(Promise.resolve(), label);
        order += label;
      });
      await scheduler.waitAll();
      await Promise.all(settled);
      return order;
    };
    await fc.assert(
      fc.asyncProperty(arbScheduler(), async (scheduler) => {
        const clones = [fc.cloneIfNeeded(scheduler), fc.cloneIfNeeded(scheduler)];
        const expected = await orderOf(scheduler);
        for (const clone of clones) {
          const grandchild = fc.cloneIfNeeded(clone);
          expect(await orderOf(clone)).toBe(expected);
          expect(await orderOf(grandchild)).toBe(expected);
        }
      }),
    );
  });
});
