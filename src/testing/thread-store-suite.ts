/**
 * The suite every ThreadStore adapter passes, as vitest tests: one test a law, titled with the law.
 * An adapter's own test file is a call of this plus what only that adapter has.
 */
import { describe, it } from "vitest";

import { missingNeeds, type StoreFixture, type StoreLaw } from "./store-law.ts";
import { storeLaws } from "./store-laws.ts";

/** What to test. */
export interface ThreadStoreSuiteOptions {
  /** Shown in the titles: "memory". */
  readonly name: string;
  /** Makes an isolated place for each law. */
  readonly fixture: StoreFixture;
  /** Default: all of `storeLaws`. */
  readonly laws?: readonly StoreLaw[];
}

/** Registers the laws as tests. A law about a capability that the store lacks is skipped, saying so. */
export function threadStoreSuite(options: ThreadStoreSuiteOptions): void {
  const { name, fixture, laws = storeLaws } = options;
  describe(`the ${name} thread store`, () => {
    for (const law of laws) {
      it(`${law.title} [${law.id}]`, async (context) => {
        const missing = missingNeeds(law, await capabilitiesOf(fixture));
        if (missing.length > 0) context.skip(`${name} has no ${missing.join(", ")}`);
        await law.run(fixture);
      });
    }
  });
}

async function capabilitiesOf(fixture: StoreFixture): ReturnType<typeof readCapabilities> {
  const place = await fixture();
  try {
    return await readCapabilities(place);
  } finally {
    await place.dispose();
  }
}

async function readCapabilities(
  place: Awaited<ReturnType<StoreFixture>>,
): Promise<Awaited<ReturnType<typeof place.open>>["capabilities"]> {
  const store = await place.open();
  const { capabilities } = store;
  await store.close();
  return capabilities;
}
