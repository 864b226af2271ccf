/**
 * How the tests run: what counts as a test, in which pool, and how long one may take.
 * Quiet on success: one line a file, the failures in full, and vitest's summary.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "test/**/fixtures/**"],
    pool: "forks",
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 10_000,
    reporters: ["default"],
  },
});
