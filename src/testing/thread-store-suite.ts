/**
 * The suite every ThreadStore adapter passes: one test a law, titled with the law, by vitest or by another runner
 * that is handed in. An adapter's own test file is a call of this plus what only that adapter has.
 */
import { checkClaimedLaw, readClaims } from "./law-check.ts";
import { type LawCheckOptions, requireCheckOptions, requireDuration } from "./law-check-options.ts";
import { LawBrokenError } from "./law-failure.ts";
import { chooseSeed } from "./law-seed.ts";
import { type StoreClaims, whyNotChecked } from "./store-claims.ts";
import type { StoreLaw } from "./store-law.ts";
import { storeLaws } from "./store-laws.ts";
import type { StoreFixture } from "./store-place.ts";
import { runningTestRunner, testModuleHere, type TestRunner } from "./test-runner.ts";

/** What to test. */
export interface ThreadStoreSuiteOptions extends Pick<
  LawCheckOptions,
  "capabilities" | "seed" | "runs" | "exampleMaxMs"
> {
  /** Shown in the titles: "memory". */
  readonly name: string;
  /** Makes an isolated place for each example. */
  readonly fixture: StoreFixture;
  /** Default: all of `storeLaws`. */
  readonly laws?: readonly StoreLaw[];
  /** Longest that one law may take, milliseconds. Default 300,000: `exampleMaxMs` ends an example that hangs long before. */
  readonly lawMaxMs?: number;
  /** Default: vitest, where the file is run by it. */
  readonly runner?: TestRunner;
}

const LAW_MAX_MS = 300_000;

/**
 * Registers the laws as tests. A law about something the store doesn't claim is skipped, saying so. `unsupported`
 * outside of vitest when no runner is passed, `invalid_argument` for options that can't be used.
 */
export function threadStoreSuite(options: ThreadStoreSuiteOptions): void {
  const { name, fixture, laws = storeLaws, lawMaxMs = LAW_MAX_MS, runner = runningTestRunner(), ...checking } = options;
  requireCheckOptions(checking);
  requireDuration("lawMaxMs", lawMaxMs);
  const seed = checking.seed ?? chooseSeed();
  let claims: Promise<StoreClaims> | undefined;
  runner.describe(`the ${name} thread store`, () => {
    for (const law of laws) {
      runner.it(`${law.title} [${law.id}]`, { timeout: lawMaxMs }, async (context) => {
        claims ??= readClaims(fixture, checking);
        const lawChecking = { options: { ...checking, seed }, claims: await claims };
        const verdict = await checkClaimedLaw(law, fixture, lawChecking);
        if (verdict.status === "broken") throw new LawBrokenError(verdict.failure, testModuleHere(options.runner));
        if (verdict.status === "not-checked") {
          context.skip(`nothing to check of ${name}: ${whyNotChecked(verdict.missing, verdict.beyond)}`);
        }
      });
    }
  });
}
