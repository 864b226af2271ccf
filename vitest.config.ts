/**
 * How the tests run: what counts as a test, in which pool, and how long one may take.
 * Quiet on success: the seed, vitest's summary, and the closing line `N passed, N failed`.
 * What a test prints is shown only if it fails.
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

import { createClosingLineReporter } from "./scripts/vitest-closing-line.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/**/fixtures/**"],
    globalSetup: ["test/support/fast-check-seed.ts", "test/support/postgres/postgres-run.ts"],
    setupFiles: ["test/support/fast-check-setup.ts"],
    pool: "forks",
    // Many tests wait for processes, disks and clocks: with a worker a core, cores would be idle.
    maxWorkers: availableParallelism() + 1,
    // Bounds that end what hangs, not measures: a test of several processes takes several times as long on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    teardownTimeout: 10_000,
    silent: "passed-only",
    reporters: ["minimal", createClosingLineReporter()],
  },
});
