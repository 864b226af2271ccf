/**
 * The hint about libuv's pool: once, only where it helps, and never where somebody has already chosen
 * its size.
 */
import { expect, it } from "vitest";

import { silentLogger } from "../../../src/base/index.ts";
import { createThreadPoolHint } from "../../../src/store/local/thread-pool-hint.ts";

function hintsFor(isSynced: boolean, environment: Record<string, string>, counts: readonly number[]): number {
  let said = 0;
  const logger = { ...silentLogger, info: () => (said += 1) };
  const hint = createThreadPoolHint(logger, isSynced, environment);
  for (const count of counts) hint(count);
  return said;
}

it("is given once, when many threads are open", () => {
  expect(hintsFor(true, {}, [1, 63, 64, 65, 1_000])).toBe(1);
});

it("is not given for few threads, without syncs, or where the size was chosen", () => {
  expect(hintsFor(true, {}, [1, 63])).toBe(0);
  expect(hintsFor(false, {}, [1_000])).toBe(0);
  expect(hintsFor(true, { UV_THREADPOOL_SIZE: "8" }, [1_000])).toBe(0);
});
