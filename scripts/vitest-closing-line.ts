/**
 * A vitest reporter that prints one line at the very end: `N passed, N failed`, and `, N skipped` where some were.
 * People and CI read the outcome from it. A test file that did not load and an error outside any test count as failed,
 * so the line never says 0 failed for a run that failed.
 */
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** Counts a finished run's tests by outcome. */
function countOutcomes(modules: readonly TestModule[], strayErrorCount: number): Record<string, number> {
  const counts = { passed: 0, failed: strayErrorCount, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const state = test.result().state;
      if (state === "passed") counts.passed += 1;
      else if (state === "failed") counts.failed += 1;
      else counts.skipped += 1;
    }
    if (module.errors().length > 0) counts.failed += 1;
  }
  return counts;
}

/** Makes the reporter. */
export function createClosingLineReporter(): Reporter {
  return {
    onTestRunEnd(modules: readonly TestModule[], strayErrors: readonly SerializedError[]): void {
      const { passed, failed, skipped } = countOutcomes(modules, strayErrors.length);
      process.stdout.write(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}\n`);
    },
  };
}
