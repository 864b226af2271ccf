/**
 * Tries one law by its id, for tests that hold on to a failure that was found: with the seed and path of the
 * failure only its example is tried, so that the test costs next to nothing and fails until the store is mended.
 */
import { rejection } from "../base/index.ts";
import { checkLaw } from "./law-check.ts";
import type { LawCheckOptions } from "./law-check-options.ts";
import { LawBrokenError } from "./law-failure.ts";
import { whyNotChecked } from "./store-claims.ts";
import type { StoreLaw } from "./store-law.ts";
import { storeLaws } from "./store-laws.ts";
import type { StoreFixture } from "./store-place.ts";

/** Which example, and of which laws. */
export interface ReplayLawOptions extends LawCheckOptions {
  /** Where the law is looked for. Default: `storeLaws`. */
  readonly laws?: readonly StoreLaw[];
}

/**
 * Tries the law with this id on the stores of a fixture. Rejects with a LawBrokenError when they break it, with
 * `invalid_argument` for an id that no law has, with `unsupported` where the store doesn't claim what the law needs.
 */
export async function replayLaw(id: string, fixture: StoreFixture, options: ReplayLawOptions = {}): Promise<void> {
  const { laws = storeLaws, ...checking } = options;
  const law = laws.find((candidate) => candidate.id === id);
  if (law === undefined) throw rejection("invalid_argument", `no law has the id ${JSON.stringify(id)}`, { id });
  // The example of a failure is small already.
  const verdict = await checkLaw(law, fixture, { ...checking, shrinks: checking.path === undefined });
  if (verdict.status === "broken") throw new LawBrokenError(verdict.failure);
  if (verdict.status === "not-checked") {
    const why = whyNotChecked(verdict.missing, verdict.beyond);
    throw rejection("unsupported", `${id} says nothing of this store: ${why}`, { id });
  }
}
